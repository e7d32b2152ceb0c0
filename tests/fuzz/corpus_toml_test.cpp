#include "fuzz/replay.hpp"

namespace fuzz_test {
namespace {

TEST(Corpus, Toml) {
  replay("toml", fuzz::toml);
}

}  // namespace
}  // namespace fuzz_test
