#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Levels of arrays and objects inside each other: writing a value out again recurses on them.
inline constexpr std::size_t kDeepestJson = 64;
/// Values and keys of a text, which take up to 100 bytes each.
inline constexpr std::size_t kMostJsonValues = std::size_t{2} << 20;
/// Bytes of a key: no name of ours or of another program's is as long.
inline constexpr std::size_t kLongestJsonKey = 4096;

/// Whether a key may occur twice in one object; the last value counts.
enum class RepeatedKeys { refused, allowed };

/// Walks a JSON text without making values of it and refuses what would be too much. Throws Error:
/// invalid_file.
class JsonLimits {
 public:
  JsonLimits(const std::string& origin, RepeatedKeys repeated)
      : origin_(origin), repeated_(repeated) {}
  JsonLimits(std::string&& temporary, RepeatedKeys repeated) = delete;

  bool null() { return count(); }
  bool boolean(bool /*value*/) { return count(); }
  bool number_integer(std::int64_t /*value*/) { return count(); }
  bool number_unsigned(std::uint64_t /*value*/) { return count(); }
  bool number_float(double /*value*/, const std::string& /*text*/) { return count(); }
  bool string(const std::string& /*value*/) { return count(); }
  bool binary(const nlohmann::json::binary_t& /*value*/) { return count(); }
  bool start_object(std::size_t /*size*/) { return open(); }
  bool start_array(std::size_t /*size*/) { return open(); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(const std::string& name) {
    if (name.size() > kLongestJsonKey) {
      refuse(concat("the key ", quote(name), " takes ", name.size(), " bytes; expected at most ",
                    kLongestJsonKey));
    }
    if (repeated_ == RepeatedKeys::refused && !open_.back().insert(name).second) {
      refuse(concat("the key ", quote(name), " occurs twice"));
    }
    return count();
  }
  bool parse_error(std::size_t /*place*/, const std::string& /*token*/,
                   const nlohmann::json::exception& error) {
    const std::string_view text = error.what();  // "[json.exception.parse_error.101] parse error"
    const std::size_t tag = text.starts_with('[') ? text.find("] ") : text.npos;
    refuse(concat("not valid JSON: ", excerpt(text.substr(tag == text.npos ? 0 : tag + 2))));
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    raise(ErrorCode::invalid_file, concat(origin_, ": ", what));
  }
  bool count() {
    if (++values_ <= kMostJsonValues) return true;
    refuse(concat("holds too many values; expected at most ", kMostJsonValues));
  }
  bool open() {
    if (open_.size() >= kDeepestJson) {
      refuse(concat("nested too deep; expected at most ", kDeepestJson, " levels"));
    }
    open_.emplace_back();
    return count();
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& origin_;
  RepeatedKeys repeated_;
  std::size_t values_ = 0;
  std::vector<std::set<std::string>> open_;  ///< the keys of each array or object around a value
};

/// Refuses a text that is no JSON, a key that occurs twice in one object (the second would silently
/// win), more than `kDeepestJson` levels and more values than `kMostJsonValues`. Throws Error:
/// invalid_file.
inline void check_json(std::string_view text, const std::string& origin,
                       RepeatedKeys repeated = RepeatedKeys::refused) {
  JsonLimits limits(origin, repeated);
  static_cast<void>(nlohmann::json::sax_parse(text, &limits));
}

/// JSON text to a value, after `check_json`. In two passes: nlohmann's parser with a callback takes
/// the square of the number of values.
inline nlohmann::json parse_strict_json(std::string_view text, const std::string& origin,
                                        RepeatedKeys repeated = RepeatedKeys::refused) {
  check_json(text, origin, repeated);
  return nlohmann::json::parse(text);
}

/// A value as a message may show it.
inline std::string shown_json(const nlohmann::json& value) {
  return excerpt(value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace), 80);
}

/// Reads one JSON object key by key and remembers which keys it was asked for: `finish()` refuses
/// the rest. Every message names the origin and the full key ("unet.dtype"). Throws Error:
/// invalid_file.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& value, std::string origin, std::string prefix)
      : value_(value), origin_(std::move(origin)), prefix_(std::move(prefix)) {
    if (!value_.is_object()) {
      raise(ErrorCode::invalid_file, origin_ + ": " + name_or_whole() + " is not a JSON object");
    }
  }

  JsonReader(nlohmann::json&& value, std::string origin, std::string prefix) = delete;

  [[nodiscard]] std::string text(const std::string& key) {
    const nlohmann::json& found = required(key);
    if (!found.is_string()) refuse(key, "a string");
    return found.get<std::string>();
  }
  [[nodiscard]] bool boolean(const std::string& key) {
    const nlohmann::json& found = required(key);
    if (!found.is_boolean()) refuse(key, "true or false");
    return found.get<bool>();
  }
  /// An integer of at least `least`.
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t least) {
    const nlohmann::json& found = required(key);
    const std::string wish = "an integer of at least " + std::to_string(least);
    // nlohmann keeps values above the largest int64 as unsigned: they would wrap in get<int64_t>.
    const bool too_large =
        found.is_number_unsigned() && found.get<std::uint64_t>() > std::uint64_t{INT64_MAX};
    if (!found.is_number_integer() || too_large) refuse(key, wish);
    if (found.get<std::int64_t>() < least) refuse(key, wish);
    return found.get<std::int64_t>();
  }
  /// An integer from `least` to 2^31 - 1: sizes and counts, whose products then fit 64 bits.
  [[nodiscard]] std::int64_t count(const std::string& key, std::int64_t least) {
    const std::int64_t found = integer(key, least);
    if (found > INT32_MAX) refuse(key, "an integer of at most " + std::to_string(INT32_MAX));
    return found;
  }
  [[nodiscard]] double number(const std::string& key) {
    const nlohmann::json& found = required(key);
    if (!found.is_number() || !std::isfinite(found.get<double>())) refuse(key, "a finite number");
    return found.get<double>();
  }
  /// A number above zero.
  [[nodiscard]] double positive(const std::string& key) {
    const double found = number(key);
    if (found <= 0.0) refuse(key, "a number above 0");
    return found;
  }
  [[nodiscard]] std::vector<double> numbers(const std::string& key) {
    return list<double>(key, "a list of numbers", &nlohmann::json::is_number);
  }
  [[nodiscard]] std::vector<std::string> texts(const std::string& key) {
    return list<std::string>(key, "a list of strings", &nlohmann::json::is_string);
  }
  [[nodiscard]] std::vector<std::uint64_t> sizes(const std::string& key) {
    return list<std::uint64_t>(key, "a list of integers of at least 0",
                               &nlohmann::json::is_number_unsigned);
  }
  /// One of a few words, "float32, float16".
  [[nodiscard]] std::string one_of(const std::string& key,
                                   std::initializer_list<std::string_view> words) {
    const std::string found = text(key);
    if (std::find(words.begin(), words.end(), found) != words.end()) return found;
    std::string known;
    for (const std::string_view word : words) known.append(known.empty() ? "" : ", ").append(word);
    refuse(key, (words.size() > 1 ? "one of " : "") + known);
  }
  /// The value that has this name, by its `from_string`.
  template <class Value>
  [[nodiscard]] Value named(const std::string& key, Value (*from_string)(std::string_view)) {
    const std::string name = text(key);
    try {
      return from_string(name);
    } catch (const Error& error) {
      raise(ErrorCode::invalid_file,
            concat(origin_, ": ", quote(prefix_ + key), ": ", error.what()));
    }
  }
  /// The nested object under `key`.
  [[nodiscard]] JsonReader object(const std::string& key) {
    return JsonReader(required(key), origin_, prefix_ + excerpt(key, 100) + ".");
  }
  [[nodiscard]] const nlohmann::json& required(const std::string& key) {
    if (!has(key)) {
      raise(ErrorCode::invalid_file,
            concat(origin_, ": the key ", quote(prefix_ + key), " is missing"));
    }
    return value_.at(key);
  }
  /// True if the key is there, null included. Marks it as known.
  [[nodiscard]] bool has(const std::string& key) {
    known_.insert(key);
    return value_.contains(key);
  }
  /// True if the key is there and not null. Marks it as known.
  [[nodiscard]] bool has_value(const std::string& key) {
    return has(key) && !value_.at(key).is_null();
  }
  /// Refuses keys nobody asked for, with the nearest known one.
  void finish() const {
    for (const auto& [key, ignored] : value_.items()) {
      if (known_.contains(key)) continue;
      raise(ErrorCode::invalid_file,
            concat(origin_, ": unknown key ", quote(prefix_ + key), "; the nearest known key is ",
                   quote(prefix_ + nearest_name(key, known_))));
    }
  }
  /// Marks keys that start with an underscore as known: comments of the writer, ignored.
  void ignore_underscored() {
    for (const auto& [key, ignored] : value_.items()) {
      if (key.starts_with("_")) known_.insert(key);
    }
  }
  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const {
    raise(ErrorCode::invalid_file, concat(origin_, ": ", quote(prefix_ + key), " is ",
                                          shown_json(value_.at(key)), "; expected ", expected));
  }
  [[nodiscard]] const nlohmann::json& value() const noexcept { return value_; }
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

 private:
  template <class Element>
  [[nodiscard]] std::vector<Element> list(const std::string& key, const char* expected,
                                          bool (nlohmann::json::*fits)() const noexcept) {
    const nlohmann::json& found = required(key);
    const auto is_element = [fits](const nlohmann::json& element) { return (element.*fits)(); };
    if (!found.is_array() || !std::all_of(found.begin(), found.end(), is_element)) {
      refuse(key, expected);
    }
    return found.get<std::vector<Element>>();
  }

  [[nodiscard]] std::string name_or_whole() const {
    if (prefix_.empty()) return "the text";
    const std::string name = prefix_.substr(0, prefix_.size() - 1);  // without its dot
    return "'" + name + "'";
  }

  const nlohmann::json& value_;  // outlives the reader: a local of the parse function
  std::string origin_;
  std::string prefix_;
  std::set<std::string> known_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
