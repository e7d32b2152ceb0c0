#include "analyze/svg_chart.hpp"

#include "shared/markup_text.hpp"
#include "shared/text_output.hpp"

#include <freeinit/io/text_file.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace freeinit_cli {
namespace {

constexpr double kWidth = 480, kHeight = 400;  // of one chart
constexpr double kLeft = 62, kRight = 20, kTop = 34, kBottom = 66;
constexpr double kNameRow = 14;
constexpr double kLegendRow = 15;
// Okabe and Ito's colours, which most colour-blind people can tell apart.
constexpr std::array<const char*, 8> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                              "#e69f00", "#56b4e9", "#000000", "#999999"};

std::string coordinate(double value) {
  return fixed_number(value, 2);
}

/// One axis: the values it spans and where its ticks are.
struct Axis {
  bool logarithmic = false;
  double low = 0, high = 1;
  std::vector<double> ticks;

  [[nodiscard]] bool shows(double value) const {
    return std::isfinite(value) && (!logarithmic || value > 0);
  }
  /// 0 at the low end, 1 at the high one.
  [[nodiscard]] double place(double value) const {
    const auto scaled = [this](double v) { return logarithmic ? std::log10(v) : v; };
    return (scaled(value) - scaled(low)) / (scaled(high) - scaled(low));
  }
};

/// A step of 1, 2 or 5 times a power of ten that gives about five ticks.
double tick_step(double span) {
  const double raw = span / 5;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

Axis make_axis(std::vector<double> values, bool logarithmic) {
  Axis axis{.logarithmic = logarithmic, .ticks = {}};
  std::erase_if(values, [&](double v) { return !axis.shows(v); });
  if (values.empty()) values = {logarithmic ? 0.1 : 0.0, 1.0};
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  axis.low = *low;
  axis.high = *high;
  if (logarithmic) {
    const auto first = static_cast<int>(std::floor(std::log10(axis.low)));
    const int last = std::max(first + 1, static_cast<int>(std::ceil(std::log10(axis.high))));
    const int step = (last - first + 8) / 9;
    for (int e = first; e <= last; e += step) axis.ticks.push_back(std::pow(10.0, e));
    axis.low = std::pow(10.0, first);
    axis.high = std::pow(10.0, last);
    return axis;
  }
  if (axis.high == axis.low) axis.high = axis.low + 1;
  const double step = tick_step(axis.high - axis.low);
  axis.low = std::floor(axis.low / step + 1e-9) * step;
  axis.high = std::ceil(axis.high / step - 1e-9) * step;
  const auto count = static_cast<int>(std::lround((axis.high - axis.low) / step));
  for (int i = 0; i <= count; ++i) axis.ticks.push_back(axis.low + i * step);
  return axis;
}

/// Draws one chart whose left edge is at `left`.
class ChartDrawing {
 public:
  ChartDrawing(const Chart& chart, double left) : chart_(chart), left_(left) {
    std::vector<double> xs, ys;
    for (const ChartSeries& series : chart.series) {
      for (const auto& [x, y] : series.points) {
        xs.push_back(x);
        ys.push_back(y);
      }
    }
    x_ = make_axis(xs, false);
    y_ = make_axis(ys, chart.log_y);
    if (!chart.x_names.empty()) {
      x_ = {.low = -0.4, .high = static_cast<double>(chart.x_names.size()) - 0.6, .ticks = {}};
    }
  }

  [[nodiscard]] std::string text() {
    out_.clear();
    frame();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) series(chart_.series[i], i);
    return out_;
  }

 private:
  [[nodiscard]] double px(double x) const {
    return left_ + kLeft + x_.place(x) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double py(double y) const {
    return kTop + (1 - y_.place(y)) * (kHeight - kTop - kBottom);
  }

  void line(double x1, double y1, double x2, double y2, const std::string& style) {
    out_ += "<line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" +
            coordinate(x2) + "\" y2=\"" + coordinate(y2) + "\" " + style + "/>\n";
  }
  void label(double x, double y, const std::string& text, const std::string& style) {
    out_ += "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" " + style + ">" +
            escaped_markup(text) + "</text>\n";
  }

  void frame() {
    const double bottom = kHeight - kBottom, right = left_ + kWidth - kRight;
    label(left_ + kLeft, 20, chart_.title, "font-weight=\"bold\"");
    for (const double tick : y_.ticks) {
      line(left_ + kLeft, py(tick), right, py(tick), "stroke=\"#dddddd\"");
      label(left_ + kLeft - 6, py(tick) + 4, format_number(tick), "text-anchor=\"end\"");
    }
    for (const double tick : x_.ticks) {
      line(px(tick), bottom, px(tick), bottom + 4, "stroke=\"#444444\"");
      label(px(tick), bottom + 18, format_number(tick), "text-anchor=\"middle\"");
    }
    for (std::size_t i = 0; i < chart_.x_names.size(); ++i) {
      const double row = i % 2 == 0 ? 0 : kNameRow;  // neighbours would overlap in one row
      label(px(static_cast<double>(i)), bottom + 18 + row, chart_.x_names[i],
            "text-anchor=\"middle\"");
    }
    line(left_ + kLeft, kTop, left_ + kLeft, bottom, "stroke=\"#444444\"");
    line(left_ + kLeft, bottom, right, bottom, "stroke=\"#444444\"");
    label((left_ + kLeft + right) / 2, kHeight - 14, chart_.x_label, "text-anchor=\"middle\"");
    const std::string x = coordinate(left_ + 14), y = coordinate((kTop + bottom) / 2);
    out_ += "<text x=\"" + x + "\" y=\"" + y + "\" text-anchor=\"middle\" transform=\"rotate(-90 " +
            x + " " + y + ")\">" + escaped_markup(chart_.y_label) + "</text>\n";
  }

  void series(const ChartSeries& series, std::size_t index) {
    const std::string colour = kColours[index % kColours.size()];
    const std::string dashes = series.dashed ? " stroke-dasharray=\"5 4\"" : "";
    std::string path, dots;
    for (const auto& [x, y] : series.points) {
      if (!y_.shows(y)) continue;
      path += (path.empty() ? "" : " ") + coordinate(px(x)) + "," + coordinate(py(y));
      dots += "<circle cx=\"" + coordinate(px(x)) + "\" cy=\"" + coordinate(py(y)) +
              "\" r=\"3\" fill=\"" + colour + "\"/>\n";
    }
    if (series.line) {
      out_ += "<polyline fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.8\"" + dashes +
              " points=\"" + path + "\"/>\n";
    }
    if (series.markers) out_ += dots;
    const double y = kHeight + kLegendRow * static_cast<double>(index) + 6;
    line(left_ + kLeft, y - 4, left_ + kLeft + 22, y - 4,
         "stroke=\"" + colour + "\" stroke-width=\"3\"" + dashes);
    label(left_ + kLeft + 28, y, series.name, "");
  }

  const Chart& chart_;
  double left_;
  Axis x_, y_;
  std::string out_;
};

}  // namespace

void write_svg(const std::filesystem::path& path, const std::vector<Chart>& charts) {
  std::size_t legend = 0;
  for (const Chart& chart : charts) legend = std::max(legend, chart.series.size());
  const std::string width = coordinate(kWidth * static_cast<double>(charts.size()));
  const std::string height = coordinate(kHeight + kLegendRow * static_cast<double>(legend) + 6);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" +
                    height + "\" viewBox=\"0 0 " + width + " " + height +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" "
                    "height=\"100%\" fill=\"#ffffff\"/>\n";
  for (std::size_t i = 0; i < charts.size(); ++i) {
    svg += ChartDrawing(charts[i], kWidth * static_cast<double>(i)).text();
  }
  freeinit::write_text_file(path, svg + "</svg>\n");
}

}  // namespace freeinit_cli
