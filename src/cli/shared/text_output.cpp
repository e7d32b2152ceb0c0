#include "shared/text_output.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace freeinit_cli {
namespace {

std::string formatted(const char* format, int precision, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, precision, value);
  return text;
}

}  // namespace

std::string format_number(double value, int digits) {
  return formatted("%.*g", digits, value);
}

std::string fixed_number(double value, int decimals) {
  return formatted("%.*f", decimals, value);
}

std::string short_number(double value) {
  const bool plain = value == 0 || (std::abs(value) >= 0.001 && std::abs(value) < 100000);
  return plain ? formatted("%.*g", 3, value) : formatted("%.*e", 1, value);
}

void print_columns(const std::vector<std::vector<std::string>>& rows, Console& console) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - row[i].size(), ' ');
      line += i == 0 ? "  " + row[i] + gap : "  " + gap + row[i];
    }
    console.result(line);
  }
}

void print_facts(const std::vector<std::pair<std::string, std::string>>& facts, Console& console,
                 std::size_t longest) {
  std::size_t width = longest;
  for (const auto& [name, value] : facts) width = std::max(width, name.size());
  for (const auto& [name, value] : facts) {
    if (!value.empty()) console.result(name + std::string(width + 2 - name.size(), ' ') + value);
  }
}

}  // namespace freeinit_cli
