#include "analyze/forward_report.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace freeinit_cli {
namespace {

using freeinit::ForwardAnalysis;
using freeinit::ForwardLevel;
using nlohmann::ordered_json;

constexpr int kCsvDigits = 9;  // of a float32

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void print_snr_table(const ForwardAnalysis& analysis, Console& console) {
  std::vector<std::vector<std::string>> rows{{"timestep"}};
  for (const auto& band : analysis.bands) rows[0].push_back(band_name(band));
  for (const ForwardLevel& level : analysis.levels) {
    rows.push_back({std::to_string(level.timestep)});
    for (const double snr : level.expected_snr) rows.back().push_back(short_number(snr));
  }
  console.result("signal-to-noise ratio by frequency band (1 = Nyquist), from the clip's spectrum");
  print_columns(rows, console);
}

void print_last_table(const ForwardAnalysis& analysis, Console& console) {
  const ForwardLevel& last = analysis.levels.back();
  std::vector<std::vector<std::string>> rows{
      {"band", "bins", "clip's power", "SNR", "share of clip", "measured", "in Gaussian"}};
  for (std::size_t i = 0; i < analysis.bands.size(); ++i) {
    rows.push_back({band_name(analysis.bands[i]), std::to_string(analysis.bands[i].bins),
                    short_number(analysis.power[i]), short_number(last.expected_snr[i]),
                    short_number(last.expected_share[i]), short_number(last.measured.share[i]),
                    short_number(analysis.gaussian.share[i])});
  }
  console.result("the noise at timestep " + std::to_string(last.timestep));
  print_columns(rows, console);
}

void print_correlation_table(const ForwardAnalysis& analysis, Console& console) {
  std::vector<std::vector<std::string>> rows{{"timestep", "all frequencies", "low ones"}};
  const auto row = [&](const std::string& name, const freeinit::NoiseStatistics& statistics) {
    rows.push_back({name, short_number(statistics.frame_correlation),
                    short_number(statistics.low_frame_correlation)});
  };
  for (const ForwardLevel& level : analysis.levels) {
    row(std::to_string(level.timestep), level.measured);
  }
  row("Gaussian", analysis.gaussian);
  console.result("correlation between neighbouring frames of the noised latents");
  print_columns(rows, console);
}

/// x of band i, on an axis that carries the names of bands.
ChartSeries by_band(const std::string& name, const std::vector<double>& values) {
  ChartSeries series{.name = name, .points = {}, .line = false};
  for (std::size_t i = 0; i < values.size(); ++i) {
    series.points.emplace_back(static_cast<double>(i), values[i]);
  }
  return series;
}

Chart snr_chart(const ForwardAnalysis& analysis) {
  Chart chart{.title = "Signal-to-noise ratio of the noised clip",
              .x_label = "timestep",
              .y_label = "SNR",
              .log_y = true,
              .x_names = {},
              .series = {}};
  for (std::size_t i = 0; i < analysis.bands.size(); ++i) {
    ChartSeries series{.name = "frequencies " + band_name(analysis.bands[i]), .points = {}};
    for (const ForwardLevel& level : analysis.levels) {
      series.points.emplace_back(static_cast<double>(level.timestep), level.expected_snr[i]);
    }
    chart.series.push_back(series);
  }
  return chart;
}

Chart share_chart(const ForwardAnalysis& analysis) {
  const ForwardLevel& last = analysis.levels.back();
  Chart chart{.title = "What is left at timestep " + std::to_string(last.timestep),
              .x_label = "frequency band (1 = Nyquist)",
              .y_label = "share of the clip in the noise",
              .x_names = {},
              .series = {by_band("clip, from its spectrum", last.expected_share),
                         by_band("clip, measured", last.measured.share),
                         by_band("Gaussian noise, measured", analysis.gaussian.share)}};
  chart.series[0].line = true;
  for (const auto& band : analysis.bands) chart.x_names.push_back(band_name(band));
  return chart;
}

Chart correlation_chart(const ForwardAnalysis& analysis) {
  Chart chart{.title = "Correlation between neighbouring frames",
              .x_label = "timestep",
              .y_label = "mean cosine",
              .x_names = {},
              .series = {{.name = "all frequencies", .points = {}},
                         {.name = "low spatial frequencies", .points = {}},
                         {.name = "Gaussian noise, low", .points = {}, .dashed = true}}};
  for (const ForwardLevel& level : analysis.levels) {
    const auto x = static_cast<double>(level.timestep);
    chart.series[0].points.emplace_back(x, level.measured.frame_correlation);
    chart.series[1].points.emplace_back(x, level.measured.low_frame_correlation);
    chart.series[2].points.emplace_back(x, analysis.gaussian.low_frame_correlation);
  }
  return chart;
}

}  // namespace

std::string band_name(const freeinit::FrequencyBand& band) {
  if (band.upper == 0.0) return "0";
  if (band.upper > 1.7) return ">" + short_number(band.lower);
  return short_number(band.lower) + "-" + short_number(band.upper);
}

void print_forward(const NamedAnalysis& named, Console& console) {
  console.result(named.name);
  print_snr_table(named.analysis, console);
  print_last_table(named.analysis, console);
  print_correlation_table(named.analysis, console);
}

ordered_json bands_json(const std::vector<freeinit::FrequencyBand>& bands) {
  auto json = ordered_json::array();
  for (const auto& band : bands) {
    json.push_back(
        {{"lower", std::max(band.lower, 0.0)}, {"upper", band.upper}, {"bins", band.bins}});
  }
  return json;
}

ordered_json statistics_json(const freeinit::NoiseStatistics& statistics) {
  ordered_json json{{"power", statistics.power}};
  if (!statistics.share.empty()) {
    json["share"] = statistics.share;
    json["snr"] = freeinit::signal_to_noise(statistics.share);
  }
  json["frame_correlation"] = statistics.frame_correlation;
  json["low_frame_correlation"] = statistics.low_frame_correlation;
  return json;
}

std::string forward_csv(const std::vector<NamedAnalysis>& analyses) {
  std::string csv =
      "clip,timestep,alpha_cumprod,band_lower,band_upper,bins,clip_power,expected_snr,"
      "measured_share,frame_correlation,low_frame_correlation\n";
  for (const auto& [name, analysis] : analyses) {
    // Named in the capture: clang 14 captures no structured binding on its own.
    const auto rows = [&name = name, &analysis = analysis, &csv](
                          const std::string& timestep, const std::string& alpha,
                          const std::vector<double>& expected,
                          const freeinit::NoiseStatistics& measured) {
      for (std::size_t i = 0; i < analysis.bands.size(); ++i) {
        const auto& band = analysis.bands[i];
        csv += csv_field(name) + "," + timestep + "," + alpha + "," +
               format_number(std::max(band.lower, 0.0), kCsvDigits) + "," +
               format_number(band.upper, kCsvDigits) + "," + std::to_string(band.bins) + "," +
               format_number(analysis.power[i], kCsvDigits) + "," +
               format_number(expected.empty() ? 0.0 : expected[i], kCsvDigits) + "," +
               format_number(measured.share[i], kCsvDigits) + "," +
               format_number(measured.frame_correlation, kCsvDigits) + "," +
               format_number(measured.low_frame_correlation, kCsvDigits) + "\n";
      }
    };
    for (const ForwardLevel& level : analysis.levels) {
      rows(std::to_string(level.timestep), format_number(level.alpha_cumprod, kCsvDigits),
           level.expected_snr, level.measured);
    }
    rows("gaussian", "0", {}, analysis.gaussian);
  }
  return csv;
}

ordered_json forward_json(const NamedAnalysis& named) {
  auto levels = ordered_json::array();
  for (const ForwardLevel& level : named.analysis.levels) {
    levels.push_back({{"timestep", level.timestep},
                      {"alpha_cumprod", level.alpha_cumprod},
                      {"expected_snr", level.expected_snr},
                      {"expected_share", level.expected_share},
                      {"measured", statistics_json(level.measured)}});
  }
  return {{"clip", named.name},
          {"power", named.analysis.power},
          {"levels", levels},
          {"gaussian", statistics_json(named.analysis.gaussian)}};
}

std::vector<Chart> forward_charts(const ForwardAnalysis& analysis) {
  return {snr_chart(analysis), share_chart(analysis), correlation_chart(analysis)};
}

}  // namespace freeinit_cli
