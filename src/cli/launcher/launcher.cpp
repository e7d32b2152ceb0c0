// bin/freeinit: finds LibTorch, sets what its OpenMP reads only while it is loaded, then becomes
// the program in libexec. Does not link LibTorch, so that it costs a millisecond.

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <freeinit/core/config.hpp>

#include "launcher/libtorch_folder.hpp"

namespace {

// Threads that wait for each other spin, by default for milliseconds: beside other programs they
// keep the one they wait for from its core. This is as fast where the cores are free.
void wait_briefly() {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("OMP_WAIT_POLICY", "passive", 0);
  setenv("GOMP_SPINCOUNT", "1000", 0);
}

void look_first_in(const std::string& libraries) {
  const char* const others = std::getenv("LD_LIBRARY_PATH");
  const bool alone = others == nullptr || *others == '\0';
  setenv("LD_LIBRARY_PATH", (alone ? libraries : libraries + ":" + others).c_str(), 1);
}

int fail(const char* what) {
  std::fprintf(stderr, "error: %s: %s\n", what, std::strerror(errno));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  // As the program says it, which would load LibTorch first.
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::puts("freeinit " FREEINIT_VERSION);
    return std::fflush(stdout) == 0 ? 0 : fail("standard output");
  }
  char program[PATH_MAX + sizeof FREEINIT_PROGRAM_FROM_BIN];
  const ssize_t length = readlink("/proc/self/exe", program, PATH_MAX);
  if (length < 0) return fail("/proc/self/exe");
  program[length] = '\0';
  std::memcpy(std::strrchr(program, '/') + 1, FREEINIT_PROGRAM_FROM_BIN,
              sizeof FREEINIT_PROGRAM_FROM_BIN);
  const freeinit_launcher::LibTorchFolder libtorch = freeinit_launcher::find_libtorch();
  if (!libtorch.error.empty()) {
    std::fprintf(stderr, "error: %s\n", libtorch.error.c_str());
    return 1;
  }
  if (!libtorch.libraries.empty()) look_first_in(libtorch.libraries);
  wait_briefly();
  execv(program, argv);
  return fail(program);
}
