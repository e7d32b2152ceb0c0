#pragma once

#include <string>

namespace freeinit_launcher {

/// Where the program's LibTorch is, as the launcher looks for it.
struct LibTorchFolder {
  /// The folder of `libtorch_cpu.so`, to be put before LD_LIBRARY_PATH; empty where the program
  /// finds it by itself.
  std::string libraries;
  std::string error;  ///< what was looked at in vain and what to do; empty: found
};

/// Looks in this order: FREEINIT_LIBTORCH; the folder that the program was linked with; where the
/// loader looks; /opt/libtorch and /usr/local/libtorch; the `torch` of python3, which is not
/// imported. What is only come across is passed over unless its version is the one built with.
[[nodiscard]] LibTorchFolder find_libtorch();

}  // namespace freeinit_launcher
