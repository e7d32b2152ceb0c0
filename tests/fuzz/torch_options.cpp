// For fuzzers with LibTorch, which is not instrumented: containers that it grew look overgrown, and
// what it keeps until the end looks lost.
extern "C" const char* __asan_default_options() {
  return "detect_container_overflow=0:detect_leaks=0";
}
