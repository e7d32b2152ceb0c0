#pragma once

#include <freeinit/options/frequency_filter_options.hpp>
#include <freeinit/options/noise_mix_options.hpp>

#include <ATen/core/Tensor.h>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// The filter options that `generate`, `filter` and `reinit` share: a filter, in which what is not
/// set keeps its default, or a mask of the user's in its place.
struct FilterArguments {
  std::optional<std::string> method;
  std::optional<std::string> variant;
  std::optional<double> order;
  std::optional<double> spatial_stop;
  std::optional<double> temporal_stop;
  std::optional<std::string> axes;
  std::string mask_file;

  /// `options` with everything replaced that was given. Throws freeinit::Error: invalid_argument,
  /// also where a mask makes what was given meaningless.
  [[nodiscard]] freeinit::FrequencyFilterOptions over(
      freeinit::FrequencyFilterOptions options) const;

  /// The centred mask [T,H,W] of `mask_file`, undefined without one. Throws freeinit::Error:
  /// invalid_argument and as load_tensor.
  [[nodiscard]] at::Tensor mask() const;
};

void add_filter_options(CLI::App& command, FilterArguments& arguments);

/// The options that say how the two bands are mixed, which the three commands share too.
struct MixArguments {
  std::optional<std::string> method;
  std::optional<double> ratio;

  /// Throws freeinit::Error: invalid_argument.
  [[nodiscard]] freeinit::NoiseMixOptions options() const;
};

void add_mix_options(CLI::App& command, MixArguments& arguments);

[[nodiscard]] nlohmann::ordered_json filter_json(const freeinit::FrequencyFilterOptions& options);
[[nodiscard]] nlohmann::ordered_json mix_json(const freeinit::NoiseMixOptions& mix);

}  // namespace freeinit_cli
