#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <queue>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

inline constexpr std::string_view kEndOfWord = "</w>";

/// GPT-2's printable stand-ins for the 256 bytes: printable Latin-1 stands for itself, the rest for
/// U+0100 and up, in order.
FREEINIT_INLINE std::array<char32_t, 256> byte_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD && byte <= 0xFF);
    alphabet[byte] = printable ? byte : next++;
  }
  return alphabet;
}

using Vocabulary = std::unordered_map<std::string, std::int64_t>;

/// `vocab.json`: one object, tokens to ids. Throws Error: not_found, io, invalid_file.
FREEINIT_INLINE Vocabulary read_vocabulary(const std::filesystem::path& path) {
  const std::string what = "tokenizer vocabulary";
  const std::string origin = what + " " + quote(path.string());
  const nlohmann::json json =
      parse_strict_json(read_file(path, what), origin, RepeatedKeys::allowed);
  if (!json.is_object()) raise(ErrorCode::invalid_file, origin + ": is not a JSON object");
  Vocabulary vocabulary;
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::uint64_t{INT32_MAX}) {
      raise(ErrorCode::invalid_file, origin + ": a token's id is not an integer of at least 0");
    }
    vocabulary.emplace(token, id.get<std::int64_t>());
  }
  return vocabulary;
}

/// Byte-level BPE with an end-of-word mark, on ids. Immutable after construction.
class BytePairEncoder {
 public:
  BytePairEncoder(const Vocabulary& vocabulary, const std::filesystem::path& merges,
                  std::int64_t unknown_id) {
    const std::array<char32_t, 256> alphabet = byte_alphabet();
    for (std::size_t byte = 0; byte < alphabet.size(); ++byte) {
      std::string symbol;
      append_utf8(symbol, alphabet[byte]);
      inner_ids_[byte] = id_or(vocabulary, symbol, unknown_id);
      last_ids_[byte] = id_or(vocabulary, symbol.append(kEndOfWord), unknown_id);
    }
    read_merges(vocabulary, merges);
  }

  /// Appends the ids of one piece (UTF-8, not empty) to `ids`. O(n log n): the pairs wait in a heap
  /// by rank, then place, and a pair that has changed meanwhile is dropped when it comes up.
  void append_ids(std::string_view piece, std::vector<std::int64_t>& ids) const {
    std::vector<Symbol> symbols = initial_symbols(piece);
    Candidates candidates;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) push_candidate(symbols, i, candidates);
    while (!candidates.empty()) {
      const Candidate best = candidates.top();
      candidates.pop();
      Symbol& left = symbols[best.place];
      if (left.id < 0 || left.next == kNone) continue;
      const Merge* merge = find_merge(left.id, symbols[left.next].id);
      if (merge == nullptr || merge->id != best.id) continue;
      absorb_next(symbols, best.place, merge->id);
      push_candidate(symbols, best.place, candidates);
      if (left.previous != kNone) push_candidate(symbols, left.previous, candidates);
    }
    for (const Symbol& symbol : symbols) {
      if (symbol.id >= 0) ids.push_back(symbol.id);
    }
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Symbol {
    std::int64_t id;  // -1: swallowed by its left neighbour
    std::size_t previous;
    std::size_t next;
  };
  struct Merge {
    std::size_t rank;
    std::int64_t id;
  };
  struct Candidate {
    std::size_t rank;
    std::size_t place;
    std::int64_t id;  // of the merged pair
    bool operator>(const Candidate& other) const {
      return std::pair(rank, place) > std::pair(other.rank, other.place);
    }
  };
  using Candidates = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

  static std::int64_t id_or(const Vocabulary& vocabulary, const std::string& token,
                            std::int64_t otherwise) {
    const auto found = vocabulary.find(token);
    return found == vocabulary.end() ? otherwise : found->second;
  }

  static std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
  }

  [[nodiscard]] const Merge* find_merge(std::int64_t left, std::int64_t right) const {
    const auto found = merges_.find(pair_key(left, right));
    return found == merges_.end() ? nullptr : &found->second;
  }

  [[nodiscard]] std::vector<Symbol> initial_symbols(std::string_view piece) const {
    std::vector<Symbol> symbols(piece.size());
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const auto byte = static_cast<unsigned char>(piece[i]);
      const bool last = i + 1 == piece.size();
      symbols[i] = {last ? last_ids_[byte] : inner_ids_[byte], i == 0 ? kNone : i - 1,
                    last ? kNone : i + 1};
    }
    return symbols;
  }

  void push_candidate(const std::vector<Symbol>& symbols, std::size_t place,
                      Candidates& candidates) const {
    const Symbol& left = symbols[place];
    if (left.next == kNone) return;
    const Merge* merge = find_merge(left.id, symbols[left.next].id);
    if (merge != nullptr) candidates.push({merge->rank, place, merge->id});
  }

  static void absorb_next(std::vector<Symbol>& symbols, std::size_t place, std::int64_t merged) {
    Symbol& left = symbols[place];
    Symbol& right = symbols[left.next];
    left.id = merged;
    left.next = right.next;
    right.id = -1;
    if (left.next != kNone) symbols[left.next].previous = place;
  }

  void read_merges(const Vocabulary& vocabulary, const std::filesystem::path& path) {
    std::string content = read_file(path, "tokenizer merges");
    content.erase(content.find_last_not_of(" \t\r\n") + 1);  // blank lines at the end
    std::istringstream lines(content);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (line.ends_with('\r')) line.pop_back();
      if (line.starts_with("#version")) continue;
      add_merge(vocabulary, line, number,
                concat("tokenizer merges ", quote(path.string()), ": line ", number, ": "));
    }
  }

  void add_merge(const Vocabulary& vocabulary, const std::string& line, std::size_t rank,
                 const std::string& origin) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      raise(ErrorCode::invalid_file, origin + "expected two symbols with one space between them");
    }
    const std::string left = line.substr(0, space);
    const std::string right = line.substr(space + 1);
    std::array<std::int64_t, 3> ids{};
    const std::array<std::string, 3> tokens{left, right, left + right};
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      ids[i] = id_or(vocabulary, tokens[i], -1);
      if (ids[i] < 0) {
        raise(ErrorCode::invalid_file,
              concat(origin, "the vocabulary has no token ", quote(tokens[i])));
      }
    }
    // A pair that occurs twice keeps its last rank, as in Hugging Face.
    merges_[pair_key(ids[0], ids[1])] = {rank, ids[2]};
  }

  std::array<std::int64_t, 256> inner_ids_{};
  std::array<std::int64_t, 256> last_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
