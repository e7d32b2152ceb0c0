# Libraries known to pkg-config alone; installed with the package, which includes this file too.
pkg_check_modules(FREEINIT_TEXT REQUIRED IMPORTED_TARGET libpcre2-8 libutf8proc)
pkg_check_modules(FREEINIT_FFMPEG REQUIRED IMPORTED_TARGET
                  libavformat libavcodec libavfilter libavutil libswscale)
pkg_check_modules(FREEINIT_HIGHWAY REQUIRED IMPORTED_TARGET libhwy>=1.0)
