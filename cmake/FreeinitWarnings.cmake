# Warnings for our own targets; never exported.
add_library(freeinit_warnings INTERFACE)
set_target_properties(freeinit_warnings PROPERTIES EXPORT_NAME warnings)
target_compile_options(freeinit_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow)
