#pragma once

#include "shared/filter_options.hpp"

#include <freeinit/options/free_init_options.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// The options of `generate` that go beyond the paper's FreeInit: mixes, filters per pass, passes
/// that end early, a budget. What is not given leaves the method as the paper has it.
struct MethodArguments {
  MixArguments mix;
  std::string filter_schedule;
  std::optional<std::string> intermediate;
  std::optional<std::int64_t> intermediate_steps, budget_calls;

  /// `options` with everything replaced that was given; its filter is the one whose settings the
  /// entries of the schedule leave out. Throws freeinit::Error: invalid_argument.
  [[nodiscard]] freeinit::FreeInitOptions over(freeinit::FreeInitOptions options) const;

  /// The options that were given and say something of a second pass alone, by spaces.
  [[nodiscard]] std::string of_later_passes() const;
};

void add_method_options(CLI::App& command, MethodArguments& arguments);

/// The methods of a run under the names of the options, without those that are off.
[[nodiscard]] nlohmann::ordered_json methods_json(const freeinit::FreeInitOptions& options);

}  // namespace freeinit_cli
