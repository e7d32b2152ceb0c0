#pragma once

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace io_test {

/// While it lives, new memory is filled with one value, where the C library can do it (glibc).
class FilledMemory {
 public:
  explicit FilledMemory(int byte) { fill(byte); }
  ~FilledMemory() { fill(0); }
  FilledMemory(const FilledMemory&) = delete;
  FilledMemory& operator=(const FilledMemory&) = delete;

 private:
  static void fill([[maybe_unused]] int byte) {
#ifdef __GLIBC__
    mallopt(M_PERTURB, byte);
#endif
  }
};

}  // namespace io_test
