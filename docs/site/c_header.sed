# What Doxygen reads of the C header: its comments, which are those of C, become documentation.
s#^/\*$#/**#
1,/^\/\*\*$/s#^/\*\*$#/** @file#
s#^/\* #/** #
s#([;,0-9]) +/\* #\1 /**< #
