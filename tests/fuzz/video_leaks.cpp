// For fuzz_video: libswscale 6 (FFmpeg 5.1) does not free the second of two scalers in a row where
// the setup of a picture fails in it. To tell that leak from ours, stacks must reach beyond
// FFmpeg's allocator, whose code keeps no frame pointers.
extern "C" const char* __asan_default_options() {
  return "fast_unwind_on_malloc=0";
}

extern "C" const char* __lsan_default_suppressions() {
  return "leak:sws_init_context\n";
}
