// What docs/embedding.md says of LibTorch's memory: a program that meets many shapes keeps a kernel
// for each, and the setting bounds that. Each program measured is a child that is forked before the
// first tensor, which works; after it, a child would hang.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace {

long resident_mib() {
  std::ifstream status("/proc/self/statm");
  long size = 0, resident = 0;
  status >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE) / (1 << 20);
}

void meet_shapes(int from, int to) {
  const c10::InferenceMode inference;
  const at::Tensor weight = at::ones({64, 64, 3, 3});
  for (int i = from; i < to; ++i) at::conv2d(at::ones({1, 64, 4 + i % 40, 4 + i / 40}), weight);
}

// MiB that the process grows by for 800 shapes after the first 200, in a child.
int growth(const char* capacity) {
  const pid_t child = fork();
  if (child == 0) {
    if (capacity) setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", capacity, 0);
    at::set_num_threads(1);
    meet_shapes(0, 200);
    const long before = resident_mib();
    meet_shapes(200, 1000);
    _exit(static_cast<int>(resident_mib() - before));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

int main() {
  const int kept = growth(nullptr), bounded = growth("16");
  std::cout << "800 more shapes: " << kept << " MiB, bounded " << bounded << " MiB\n";
  return bounded >= 0 && 2 * bounded < kept ? 0 : 1;
}
