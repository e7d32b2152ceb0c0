# What the bodies use beside LibTorch. The build finds it, and so does the installed package, quietly.
# freeinit_find_dependencies(REQUIRED|QUIET): leaves in FREEINIT_MISSING what is not there.
macro(freeinit_find_dependencies mode)
  set(FREEINIT_MISSING "")
  find_package(Eigen3 ${mode} NO_MODULE)
  find_package(nlohmann_json ${mode})
  find_package(PkgConfig ${mode})
  if(PkgConfig_FOUND)
    pkg_check_modules(FREEINIT_TEXT ${mode} IMPORTED_TARGET libpcre2-8 libutf8proc)
    pkg_check_modules(FREEINIT_FFMPEG ${mode} IMPORTED_TARGET
                      libavformat libavcodec libavfilter libavutil libswscale)
    pkg_check_modules(FREEINIT_WEBP QUIET IMPORTED_TARGET libwebpdemux libwebp)  # not needed
    pkg_check_modules(FREEINIT_HIGHWAY ${mode} IMPORTED_TARGET libhwy)
  endif()
  foreach(target Eigen3::Eigen nlohmann_json::nlohmann_json PkgConfig::FREEINIT_TEXT
                 PkgConfig::FREEINIT_FFMPEG PkgConfig::FREEINIT_HIGHWAY)
    if(NOT TARGET ${target})
      list(APPEND FREEINIT_MISSING ${target})
    endif()
  endforeach()
endmacro()
