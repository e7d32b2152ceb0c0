#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/generation_request.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The value of a field, without the field's own type: enumerations are their names.
using FieldValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string,
                                std::vector<double>, std::vector<std::string>>;

/// Which alternative of FieldValue a field has; the order is that of the alternatives.
enum class FieldKind { flag, integer, unsigned_integer, number, text, numbers, texts };

/// One setting of a GenerationRequest: all that the command line, configuration files, JSON and
/// pages know of it.
struct RequestField {
  std::string_view name;  ///< the key, "num_frames"; the option has dashes, --num-frames
  std::string_view type;  ///< stands behind the option: N, X, NAME, TEXT, LIST, "A B"; a flag: ""
  std::string_view unit;  ///< "pixels"; may be empty
  std::string_view help;  ///< one line
  std::string limits;     ///< in words, or the names there are; may be empty
  std::string_view group{};  ///< heading of the help
  FieldKind kind{};          ///< of its value
  /// Nothing for an optional setting that is not set.
  std::function<std::optional<FieldValue>(const GenerationRequest&)> get{};
  /// Throws Error: invalid_argument for a value of another kind and for unknown names; limits are
  /// checked by GenerationRequest::validate.
  std::function<void(GenerationRequest&, const FieldValue&)> set{};
};

/// Every setting of a request, in the order of the help. Settings of a filter are written to all
/// filters of the request, and `filter_schedule` takes what its entries leave out from the first
/// filter: whoever sets several fields sets them in this order.
[[nodiscard]] FREEINIT_API std::span<const RequestField> request_fields();

/// The field called `name`. Throws Error: invalid_argument with the nearest name.
[[nodiscard]] FREEINIT_API const RequestField& find_request_field(std::string_view name);

/// What a command line says, as a value of the field: "true", "-3", "0.5", "0 0.5"; texts a line
/// each. Throws Error: invalid_argument, "num_frames 'x': expected a whole number".
[[nodiscard]] FREEINIT_API FieldValue field_from_text(const RequestField& field,
                                                      std::string_view text);

/// A value as `field_from_text` reads it. Numbers come back to the bit.
[[nodiscard]] FREEINIT_API std::string field_text(const FieldValue& value);

/// The value of a field; nothing if it is optional and not set.
[[nodiscard]] FREEINIT_API std::optional<FieldValue> field_value(const GenerationRequest& request,
                                                                 std::string_view name);

/// Sets one field from a value: a whole number fits wherever its range does. Throws Error:
/// invalid_argument.
FREEINIT_API void set_field(GenerationRequest& request, std::string_view name,
                            const FieldValue& value);

/// Sets one field from the text of a command line. Throws Error: invalid_argument.
FREEINIT_API void set_field_text(GenerationRequest& request, std::string_view name,
                                 std::string_view text);

/// `defaults` with what a JSON object of fields says; the order of its keys is of no account.
/// Throws Error: invalid_file for what is no such object, invalid_argument for unknown keys and
/// values that do not fit.
[[nodiscard]] FREEINIT_API GenerationRequest request_from_json(const std::string& text,
                                                               GenerationRequest defaults = {});

/// All fields that are set as one JSON object of one line: `request_from_json` makes the same
/// request of it. Bytes that are no UTF-8 are replaced.
[[nodiscard]] FREEINIT_API std::string request_to_json(const GenerationRequest& request);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/request_fields_inl.hpp>
#endif
