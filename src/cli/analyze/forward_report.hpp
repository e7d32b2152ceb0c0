#pragma once

#include "analyze/svg_chart.hpp"
#include "shared/console.hpp"
#include "shared/text_output.hpp"

#include <freeinit/analysis/forward_process.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace freeinit_cli {

/// A clip with what the forward process leaves of it; the mean over clips is called "mean".
struct NamedAnalysis {
  std::string name;
  freeinit::ForwardAnalysis analysis;
};

/// "0", "0-0.125", ...: the label of a band.
[[nodiscard]] std::string band_name(const freeinit::FrequencyBand& band);

/// The bands as JSON: lower, upper, bins.
[[nodiscard]] nlohmann::ordered_json bands_json(const std::vector<freeinit::FrequencyBand>& bands);
[[nodiscard]] nlohmann::ordered_json statistics_json(const freeinit::NoiseStatistics& statistics);

void print_forward(const NamedAnalysis& named, Console& console);

/// One row per clip, timestep and band; Gaussian noise has the timestep "gaussian".
[[nodiscard]] std::string forward_csv(const std::vector<NamedAnalysis>& analyses);
[[nodiscard]] nlohmann::ordered_json forward_json(const NamedAnalysis& named);

/// SNR over timesteps, share of the clip in the last timestep's noise by band, correlation between
/// frames.
[[nodiscard]] std::vector<Chart> forward_charts(const freeinit::ForwardAnalysis& analysis);

}  // namespace freeinit_cli
