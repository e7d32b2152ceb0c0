#pragma once

#include <freeinit/core/text.hpp>

#include <string>
#include <string_view>

namespace freeinit_cli {

/// Foreign text as HTML and SVG take it, between tags and in quoted attributes: valid UTF-8 of
/// which nothing is markup.
[[nodiscard]] inline std::string escaped_markup(std::string_view text) {
  std::string result;
  for (const char c : freeinit::excerpt(text, std::string::npos)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace freeinit_cli
