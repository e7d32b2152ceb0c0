#include <freeinit/core/saturated.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace saturated_test {

using freeinit::Saturated;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(Saturated, IsANumberAsLongAsItFits) {
  Saturated sum = Saturated(3) * 4 + 5;
  sum += 6;
  EXPECT_EQ(sum.value(), 23);
  EXPECT_EQ((Saturated(kMost) + 0).value(), kMost);
  EXPECT_EQ((1 * Saturated(kMost)).value(), kMost);
  EXPECT_EQ(Saturated().value(), 0);
}

TEST(Saturated, IsTheLargestNumberBeyond) {
  EXPECT_EQ((Saturated(kMost) + 1).value(), kMost);
  EXPECT_EQ((Saturated(kMost / 2) * 3).value(), kMost);
  EXPECT_EQ((2 * (Saturated(kMost) + kMost) + 1).value(), kMost);
  EXPECT_EQ((Saturated(kMost) * kMost * 0).value(), 0);
}

}  // namespace saturated_test
