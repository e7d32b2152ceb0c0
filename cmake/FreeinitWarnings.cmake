# Warnings for our own targets; never exported.
add_library(freeinit_warnings INTERFACE)
target_compile_options(freeinit_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow)
