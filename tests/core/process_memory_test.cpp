#include <freeinit/core/process_memory.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <vector>

namespace process_memory_test {
namespace {

TEST(ProcessMemory, FollowsTheProcess) {
  const auto before = freeinit::process_memory();
  if (!before.is_known()) GTEST_SKIP() << "this system does not tell";
  EXPECT_GE(before.peak, before.resident);
  constexpr std::int64_t kBytes = std::int64_t{64} << 20;
  const std::vector<char> block(kBytes, 'x');
  const auto after = freeinit::process_memory();
  EXPECT_GE(after.peak, before.resident + kBytes / 2) << block.back();
  EXPECT_GE(after.peak, after.resident);
}

TEST(ProcessMemory, ALimitOfAddressesCounts) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &limit), 0);
  const rlimit former = limit;
  limit.rlim_cur = std::uint64_t{1} << 45;  // no process here has so many
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const auto wide = freeinit::process_memory();
  limit.rlim_cur = 1;  // fewer than it has: nothing is left
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const auto none = freeinit::process_memory();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &former), 0);
  if (wide.resident == 0) GTEST_SKIP() << "this system does not tell";
  EXPECT_GT(wide.available, 0);
  EXPECT_EQ(none.available, 0);
}

}  // namespace
}  // namespace process_memory_test
