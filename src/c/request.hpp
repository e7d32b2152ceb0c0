#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/options/request_fields.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace freeinit_c {

/// The settings of a video. A forgotten text would make a whole video of nothing: it is refused, as
/// the command does. Throws freeinit::Error: invalid_argument, invalid_file.
inline freeinit::GenerationRequest read_request(const std::string& text,
                                                const freeinit::Manifest& manifest) {
  auto request = freeinit::request_from_json(text, manifest.recommended);
  if (!nlohmann::json::parse(text).contains("prompt")) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "request: 'prompt' is missing; an empty text is given as \"\"");
  }
  return request;
}

}  // namespace freeinit_c
