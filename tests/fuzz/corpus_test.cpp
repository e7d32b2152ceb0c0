#include "fuzz/replay.hpp"

namespace fuzz_test {
namespace {

TEST(Corpus, Json) {
  replay("json", fuzz::json);
}
TEST(Corpus, Manifest) {
  replay("manifest", fuzz::manifest);
}
TEST(Corpus, Prompt) {
  replay("prompt", fuzz::prompt);
}
TEST(Corpus, Safetensors) {
  replay("safetensors", fuzz::safetensors);
}
TEST(Corpus, Tokenizer) {
  replay("tokenizer", fuzz::tokenizer);
}
TEST(Corpus, Video) {
  replay("video", fuzz::video);
}

}  // namespace
}  // namespace fuzz_test
