#pragma once

#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/pipeline/profile_trace.hpp>

#include <optional>
#include <set>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Options of `generate` that say how it runs and change no result.
struct RuntimeArguments {
  std::string device;                ///< empty: the CPU
  std::optional<std::string> dtype;  ///< unset: as stored in the bundle
  std::optional<int> threads;        ///< unset: LibTorch's choice
  std::string backend;               ///< empty: the fastest of bundle and build
  bool low_memory = false;
  bool rehash = false;
  std::set<std::string> allow_operators;
  std::string trace;  ///< file; empty: no trace

  /// How the bundle is to be loaded. Throws freeinit::Error: invalid_argument, unsupported.
  [[nodiscard]] freeinit::BundleOptions bundle_options() const;

  /// What holds for the whole process: the number of CPU threads, if one was given, and whether
  /// freed memory is kept.
  void apply_to_process(bool keeps_freed_memory) const;
};

void add_runtime_options(CLI::App& command, RuntimeArguments& arguments);

}  // namespace freeinit_cli
