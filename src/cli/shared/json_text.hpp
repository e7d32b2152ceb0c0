#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace freeinit_cli {

/// A result as `--json` prints it. Paths need not be valid UTF-8: a broken part becomes U+FFFD.
[[nodiscard]] inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace freeinit_cli
