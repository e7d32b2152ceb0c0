// The tokenizer is made before the first input: under sanitizers it takes seconds.
#include "text/clip_files.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  text_test::shared_tokenizer();
  return 0;
}
