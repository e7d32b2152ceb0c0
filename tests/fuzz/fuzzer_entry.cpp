// libFuzzer's entry point; FREEINIT_FUZZ_TARGET names the function of namespace fuzz to run.
#include "fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::FREEINIT_FUZZ_TARGET(data, size);
  return 0;
}
