#include <freeinit/core/process_memory.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>

namespace process_memory_test {
namespace {

TEST(ProcessMemory, FollowsTheProcess) {
  const auto before = freeinit::process_memory();
  if (!before.is_known()) GTEST_SKIP() << "this system does not tell";
  EXPECT_GE(before.peak, before.resident);
  constexpr std::int64_t kBytes = std::int64_t{64} << 20;
  // Not of the heap, which may have it from an earlier test.
  void* const block =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 'x', kBytes);
  const auto after = freeinit::process_memory();
  munmap(block, kBytes);
  EXPECT_GE(after.peak, before.resident + kBytes / 2);
  EXPECT_GE(after.peak, after.resident);
}

TEST(ProcessMemory, ALimitOfAddressesCounts) {
  if (!freeinit::process_memory().is_known()) GTEST_SKIP() << "this system does not tell";
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  constexpr std::int64_t kMore = std::int64_t{96} << 20;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &limit), 0);
  const rlimit former = limit;
  limit.rlim_cur = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + kMore;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const auto limited = freeinit::process_memory();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &former), 0);
  EXPECT_GT(limited.available, 0);
  EXPECT_LE(limited.available, kMore);
}

}  // namespace
}  // namespace process_memory_test
