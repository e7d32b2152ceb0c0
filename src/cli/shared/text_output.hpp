#pragma once

#include "shared/console.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace freeinit_cli {

// The numbers and tables that people read, and the numbers of CSV files.

/// `value` with `digits` significant digits, as short as that can be said: 0.25, 1e-09.
[[nodiscard]] std::string format_number(double value, int digits = 6);
/// `value` with `decimals` places behind the point.
[[nodiscard]] std::string fixed_number(double value, int decimals);
/// `value` with about three digits: 0.0123, 1.2e-05.
[[nodiscard]] std::string short_number(double value);

/// Rows of equal length on stdout: columns right-aligned but for the first.
void print_columns(const std::vector<std::vector<std::string>>& rows, Console& console);
/// Names with what is said of them, one a line; what is empty is left out. `longest`: of the names
/// that stand with them, in characters.
void print_facts(const std::vector<std::pair<std::string, std::string>>& facts, Console& console,
                 std::size_t longest = 0);

}  // namespace freeinit_cli
