#pragma once

// A network's file repeats its section of the manifest, the contract, and must agree with it.
// `inline` in both modes: the units of several backends share it.

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/json_inl.hpp>

#include <filesystem>
#include <string>
#include <system_error>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The contract of the networks of a section. Throws Error: invalid_argument for a manifest that
/// was made by hand without one.
inline const std::string& contract_of(const Manifest& manifest, const std::string& section) {
  const auto found = manifest.contracts.find(section);
  if (found != manifest.contracts.end()) return found->second;
  raise(ErrorCode::invalid_argument,
        concat("manifest ", quote(manifest.name), ": has no contract of '", section,
               "'; expected the JSON text of that section"));
}

/// Refuses a file that is not there; `name` stands in the message. Throws Error: not_found.
inline void check_network_file(const std::string& name, const std::filesystem::path& file) {
  std::error_code ignored;  // what cannot be looked at is not there for us either
  if (std::filesystem::is_regular_file(file, ignored)) return;
  raise(ErrorCode::not_found, name + ": no such file");
}

/// Compares a network's own contract with the manifest's section, as JSON values. `contract` empty:
/// nothing is compared. Throws Error: invalid_file naming the first key that differs.
inline void check_contract(const std::string& file, const std::string& in_file,
                           const std::string& contract) {
  if (contract.empty()) return;
  if (in_file.empty()) {
    raise(ErrorCode::invalid_file, file +
                                       ": holds no contract (extra file freeinit.json); "
                                       "export the bundle again");
  }
  const nlohmann::json own = parse_strict_json(in_file, file + ": its contract freeinit.json");
  const nlohmann::json wanted = parse_strict_json(contract, "contract in the manifest");
  if (!own.is_object() || !wanted.is_object()) {
    raise(ErrorCode::invalid_file, file + ": its contract freeinit.json is not a JSON object");
  }
  const auto value = [](const nlohmann::json& object, const std::string& key) {
    return object.contains(key) ? shown_json(object[key]) : std::string("absent");
  };
  nlohmann::json keys = wanted;
  keys.update(own);
  for (const auto& [key, ignored] : keys.items()) {
    if (own.contains(key) && wanted.contains(key) && own[key] == wanted[key]) continue;
    raise(ErrorCode::invalid_file,
          concat(file, ": ", quote(key), " is ", value(own, key),
                 " in the file, but manifest.json says ", value(wanted, key)));
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
