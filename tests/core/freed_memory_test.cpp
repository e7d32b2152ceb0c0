#include <freeinit/core/freed_memory.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

namespace freed_memory_test {

/// Above every threshold of glibc's that adapts to what a program frees (32 MiB).
constexpr std::size_t kBytes = 64 << 20;

/// How many pages the system had to provide while a block was written to.
long pages_of_a_fresh_block() {
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  void* block = std::malloc(kBytes);
  auto* bytes = static_cast<volatile char*>(block);  // or the compiler leaves all of it out
  for (std::size_t i = 0; i < kBytes; i += 4096) bytes[i] = 1;
  getrusage(RUSAGE_SELF, &after);
  std::free(block);
  return after.ru_minflt - before.ru_minflt;
}

TEST(FreedMemory, IsKeptForTheNextBlock) {
#if !defined(__GLIBC__) || defined(FREEINIT_SANITIZED)
  GTEST_SKIP() << "memory is not glibc's";
#endif
  // The system may provide pages in groups of up to 2 MiB.
  const long fewest = static_cast<long>(kBytes / (2 << 20));
  (void)pages_of_a_fresh_block();
  EXPECT_GE(pages_of_a_fresh_block(), fewest) << "glibc hands large blocks back by itself";
  freeinit::keep_freed_memory();
  (void)pages_of_a_fresh_block();
  EXPECT_LT(pages_of_a_fresh_block(), fewest);
}

}  // namespace freed_memory_test
