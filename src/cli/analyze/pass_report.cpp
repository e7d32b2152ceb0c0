#include "analyze/pass_report.hpp"

#include "analyze/forward_report.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/cat.h>
#include <nlohmann/json.hpp>

namespace freeinit_cli {
namespace {

/// The tensors `stem`<pass>.safetensors, or `stem`<pass>_0, _1, ... joined along the batch;
/// undefined when there are none.
at::Tensor load_pass(const std::filesystem::path& folder, const std::string& stem, int pass) {
  const std::string base = stem + std::to_string(pass);
  const auto alone = folder / (base + ".safetensors");
  if (std::filesystem::exists(alone)) return freeinit::load_tensor(alone).to(at::kFloat);
  std::vector<at::Tensor> videos;
  for (int video = 0;; ++video) {
    const auto path = folder / (base + "_" + std::to_string(video) + ".safetensors");
    if (!std::filesystem::exists(path)) break;
    videos.push_back(freeinit::load_tensor(path).to(at::kFloat));
  }
  return videos.empty() ? at::Tensor{} : at::cat(videos);
}

std::string pass_name(std::size_t index) {
  return "pass " + std::to_string(index + 1);
}

std::vector<std::string> band_row(const std::string& name, const std::vector<double>& values,
                                  std::size_t bands) {
  std::vector<std::string> row{name};
  for (std::size_t i = 0; i < bands; ++i) {
    row.push_back(values.empty() ? "-" : short_number(values[i]));
  }
  return row;
}

Chart band_chart(const PassAnalysis& analysis, const std::string& title,
                 const std::string& y_label) {
  Chart chart{.title = title,
              .x_label = "frequency band (1 = Nyquist)",
              .y_label = y_label,
              .x_names = {},
              .series = {}};
  for (const auto& band : analysis.bands) chart.x_names.push_back(band_name(band));
  return chart;
}

}  // namespace

PassAnalysis analyze_passes(const std::filesystem::path& folder,
                            const std::vector<double>& band_edges, double low_stop) {
  PassAnalysis analysis;
  at::Tensor before;
  for (int pass = 1;; ++pass) {
    const at::Tensor noise = load_pass(folder, "noise_", pass);
    if (!noise.defined()) break;
    if (noise.dim() != 5) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "noise of pass " + std::to_string(pass) + " in '" + folder.string() +
                          "': expected [B,C,F,h,w]");
    }
    const freeinit::FrequencyBands bands(noise.size(2), noise.size(3), noise.size(4), band_edges);
    analysis.bands = bands.bands();
    analysis.passes.push_back(noise_statistics(bands, noise, before, low_stop));
    before = load_pass(folder, "pass_", pass);
    if (!before.defined()) break;  // stopped inside this pass
  }
  if (analysis.passes.empty()) {
    freeinit::raise(freeinit::ErrorCode::not_found,
                    "folder '" + folder.string() +
                        "': has no noise_1.safetensors; expected what generate --save-passes "
                        "writes");
  }
  return analysis;
}

void print_passes(const PassAnalysis& analysis, Console& console) {
  std::vector<std::vector<std::string>> power{{"power"}}, share{{"share"}};
  for (const auto& band : analysis.bands) {
    power[0].push_back(band_name(band));
    share[0].push_back(band_name(band));
  }
  std::vector<std::vector<std::string>> correlation{{"correlation", "all frequencies", "low ones"}};
  const std::size_t count = analysis.bands.size();
  for (std::size_t i = 0; i < analysis.passes.size(); ++i) {
    const auto& pass = analysis.passes[i];
    power.push_back(band_row(pass_name(i), pass.power, count));
    share.push_back(band_row(pass_name(i), pass.share, count));
    correlation.push_back({pass_name(i), short_number(pass.frame_correlation),
                           short_number(pass.low_frame_correlation)});
  }
  console.result("initial noise of each pass: power by frequency band (Gaussian noise: 1)");
  print_columns(power, console);
  console.result("share explained by the result of the pass before (Gaussian noise: 0)");
  print_columns(share, console);
  console.result("correlation between neighbouring frames (Gaussian noise: 0)");
  print_columns(correlation, console);
}

std::string passes_csv(const PassAnalysis& analysis) {
  std::string csv =
      "pass,band_lower,band_upper,bins,power,share,frame_correlation,"
      "low_frame_correlation\n";
  const auto exact = [](double value) { return nlohmann::json(value).dump(); };
  for (std::size_t i = 0; i < analysis.passes.size(); ++i) {
    const auto& pass = analysis.passes[i];
    for (std::size_t k = 0; k < analysis.bands.size(); ++k) {
      const auto& band = analysis.bands[k];
      csv += std::to_string(i + 1) + "," + exact(band.lower < 0 ? 0.0 : band.lower) + "," +
             exact(band.upper) + "," + std::to_string(band.bins) + "," + exact(pass.power[k]) +
             "," + (pass.share.empty() ? "" : exact(pass.share[k])) + "," +
             exact(pass.frame_correlation) + "," + exact(pass.low_frame_correlation) + "\n";
    }
  }
  return csv;
}

nlohmann::ordered_json passes_json(const PassAnalysis& analysis) {
  auto passes = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < analysis.passes.size(); ++i) {
    auto json = statistics_json(analysis.passes[i]);
    json["pass"] = i + 1;
    passes.push_back(json);
  }
  return {{"bands", bands_json(analysis.bands)}, {"passes", passes}};
}

std::vector<Chart> passes_charts(const PassAnalysis& analysis) {
  Chart power = band_chart(analysis, "Power of the initial noise", "power (Gaussian noise: 1)");
  Chart share = band_chart(analysis, "What the pass before left in it", "share of its result");
  for (std::size_t i = 0; i < analysis.passes.size(); ++i) {
    ChartSeries by_power{.name = pass_name(i), .points = {}};
    ChartSeries by_share{.name = pass_name(i), .points = {}};
    for (std::size_t k = 0; k < analysis.bands.size(); ++k) {
      const auto x = static_cast<double>(k);
      by_power.points.emplace_back(x, analysis.passes[i].power[k]);
      if (!analysis.passes[i].share.empty()) {
        by_share.points.emplace_back(x, analysis.passes[i].share[k]);
      }
    }
    power.series.push_back(by_power);
    share.series.push_back(by_share);
  }
  return {power, share};
}

}  // namespace freeinit_cli
