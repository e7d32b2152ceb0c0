#include "fuzz/replay.hpp"

namespace fuzz_test {
namespace {

TEST(Corpus, Checkpoint) {
  replay("checkpoint", fuzz::checkpoint);
}
TEST(Corpus, Npy) {
  replay("npy", fuzz::npy);
}
TEST(Corpus, Torchscript) {
  replay("torchscript", fuzz::torchscript);
}

}  // namespace
}  // namespace fuzz_test
