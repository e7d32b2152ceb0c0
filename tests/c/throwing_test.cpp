// A caller in C++, whose callbacks throw: no exception comes through the interface.

#include "support.h"

#include <stdexcept>

extern "C" void test_throwing(const freeinit_pipeline* pipeline) {
  freeinit_run_options options{};
  options.struct_size = sizeof options;
  options.on_frame = [](void*, const freeinit_frame*) -> int {
    throw std::runtime_error("no place for a frame");
  };
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, nullptr), FREEINIT_INTERNAL,
               "no place for a frame");
  options.on_frame = [](void*, const freeinit_frame*) -> int { throw 1; };
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, nullptr), FREEINIT_INTERNAL,
               "a callback threw");
}
