#pragma once

#include <freeinit/models/model_bundle.hpp>
#include <freeinit/pipeline/profile_trace.hpp>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Options of `generate` that say how it runs and change no result.
struct RuntimeArguments {
  std::optional<std::string> backend;  ///< unset: the fastest of bundle and build
  bool low_memory = false;
  bool rehash = false;
  std::string profile_trace;  ///< file; empty: no trace

  /// Throws freeinit::Error: invalid_argument.
  void apply(freeinit::BundleOptions& options) const;

  /// A trace if one is wanted, after a check that it can be written. Throws freeinit::Error: io.
  [[nodiscard]] std::optional<freeinit::ProfileTrace> start_trace() const;
};

void add_runtime_options(CLI::App& command, RuntimeArguments& arguments);

}  // namespace freeinit_cli
