#pragma once

#include "analyze/svg_chart.hpp"
#include "shared/console.hpp"

#include <freeinit/analysis/noise_statistics.hpp>

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace freeinit_cli {

/// The initial noise of every pass of a run.
struct PassAnalysis {
  std::vector<freeinit::FrequencyBand> bands;
  /// Pass by pass, pooled over the videos of the run. From the second pass on the signal is the
  /// result of the pass before; the first pass has none.
  std::vector<freeinit::NoiseStatistics> passes;
};

/// Reads what `generate --save-passes` wrote into `folder`: pass_<i>.safetensors and
/// noise_<i>.safetensors, or with several videos pass_<i>_<k>.safetensors and so on. Throws
/// freeinit::Error: not_found (no such files, or a gap), invalid_argument (shapes).
[[nodiscard]] PassAnalysis analyze_passes(const std::filesystem::path& folder,
                                          const std::vector<double>& band_edges, double low_stop);

void print_passes(const PassAnalysis& analysis, Console& console);
[[nodiscard]] std::string passes_csv(const PassAnalysis& analysis);
[[nodiscard]] nlohmann::ordered_json passes_json(const PassAnalysis& analysis);
[[nodiscard]] std::vector<Chart> passes_charts(const PassAnalysis& analysis);

}  // namespace freeinit_cli
