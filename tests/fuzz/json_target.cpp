#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/options/request_fields.hpp>

/// What is accepted can be written, read again and compared, which recurses on its levels. A
/// request is one that `request_to_json` writes.
void fuzz::json(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const nlohmann::json value = freeinit::detail::parse_strict_json(text, "fuzz");
    const nlohmann::json again = freeinit::detail::parse_strict_json(value.dump(), "fuzz");
    require(value == again, "a value survives a round trip");
  } catch (const freeinit::Error& error) {
    require(std::string(error.what()).size() < 1000, "messages are short");
  } catch (const nlohmann::json::exception&) {  // a text that is no UTF-8 cannot be written
  }
  try {
    const freeinit::GenerationRequest request = freeinit::request_from_json(text);
    const std::string written = freeinit::request_to_json(request);
    require(freeinit::request_to_json(freeinit::request_from_json(written)) == written,
            "a request survives a round trip");
  } catch (const freeinit::Error& error) {
    require(std::string(error.what()).size() < 1000, "messages are short");
  }
}
