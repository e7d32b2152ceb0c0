#pragma once

#include <freeinit/numerics/frequency_filter.hpp>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// The filter options that `generate`, `filter` and `reinit` share. What is not set keeps its
/// default.
struct FilterArguments {
  std::optional<std::string> method;
  std::optional<std::string> variant;
  std::optional<double> order;
  std::optional<double> spatial_stop;
  std::optional<double> temporal_stop;

  /// `options` with everything replaced that was given. Throws freeinit::Error: invalid_argument.
  [[nodiscard]] freeinit::FrequencyFilterOptions over(
      freeinit::FrequencyFilterOptions options) const;
};

void add_filter_options(CLI::App& command, FilterArguments& arguments);

[[nodiscard]] nlohmann::ordered_json filter_json(const freeinit::FrequencyFilterOptions& options);

}  // namespace freeinit_cli
