#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// The strings of tests/reference/text/make_golden.py, made again: same generator, same draws.
namespace text_test {

inline void append_character(std::string& out, std::uint64_t c) {
  const auto put = [&](std::uint64_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 63));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 63)), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
}

class RandomText {
 public:
  explicit RandomText(const nlohmann::json& golden)
      : state_(golden.at("seed").get<std::uint64_t>()),
        alphabets_(golden.at("alphabets").get<decltype(alphabets_)>()),
        words_(golden.at("words").get<std::vector<std::string>>()),
        spaces_(golden.at("spaces").get<std::vector<std::string>>()) {}

  std::string next() {
    std::string text;
    const std::uint64_t parts = below(50) == 0 ? 500 : below(40);
    for (std::uint64_t i = 0; i < parts; ++i) append_part(text);
    return text;
  }

 private:
  std::uint64_t below(std::uint64_t bound) {  // SplitMix64
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (z ^ (z >> 31)) % bound;
  }

  void append_any(std::string& text) {
    const auto [first, last] = alphabets_[below(alphabets_.size())];
    const std::uint64_t c = first + below(last - first + 1);
    append_character(text, c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c);
  }

  void append_part(std::string& text) {
    const std::uint64_t kind = below(4);
    if (kind < 2) {
      text += words_[below(words_.size())];
      text += spaces_[below(spaces_.size())];
      return;
    }
    append_any(text);
    if (kind == 3) append_character(text, 0x300 + below(0x70));
  }

  std::uint64_t state_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> alphabets_;
  std::vector<std::string> words_;
  std::vector<std::string> spaces_;
};

/// The hash of lists of ids, and its short form, as in make_golden.py.
class IdHash {
 public:
  void add(const std::vector<std::int64_t>& ids) {
    for (const std::int64_t id : ids) mix(static_cast<std::uint64_t>(id));
    mix(std::uint64_t{1} << 32);
  }
  [[nodiscard]] std::string short_form() const {
    std::string digits;
    for (int shift = 60; shift >= 40; shift -= 4)
      digits += "0123456789abcdef"[state_ >> shift & 15];
    return digits;
  }

 private:
  void mix(std::uint64_t value) { state_ = (state_ ^ value) * 0x100000001B3; }
  std::uint64_t state_ = 0xCBF29CE484222325;
};

}  // namespace text_test
