#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace freeinit_cli {

/// A curve, or single points, of a chart.
struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;
  bool line = true;     ///< joined by a line
  bool markers = true;  ///< a dot at every point
  bool dashed = false;
};

/// A small chart: linear x, linear or logarithmic y. Values that a logarithmic axis cannot show
/// (not above 0, not finite) are left out.
struct Chart {
  std::string title, x_label, y_label;
  bool log_y = false;
  /// Names of x = 0, 1, 2, ... in place of numbers.
  std::vector<std::string> x_names;
  std::vector<ChartSeries> series;
};

/// Writes charts side by side as one SVG picture, through a temporary name. Throws
/// freeinit::Error: io.
void write_svg(const std::filesystem::path& path, const std::vector<Chart>& charts);

}  // namespace freeinit_cli
