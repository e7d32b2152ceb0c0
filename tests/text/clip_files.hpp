#pragma once

#include "support/temporary_folder.hpp"

#include <freeinit/text/clip_tokenizer.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

/// CLIP's real vocabulary for tests: vocab.json is made from the merges, which the repository
/// holds.
namespace text_test {

inline nlohmann::json golden(const std::string& name) {
  std::ifstream stream(std::string(FREEINIT_TEST_DATA "/text/") + name);
  return nlohmann::json::parse(stream);
}

inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// The 256 printable stand-ins of bytes, printable bytes first, as UTF-8.
inline std::vector<std::string> byte_symbols() {
  std::vector<std::string> symbols;
  const auto add = [&](unsigned first, unsigned last) {
    for (unsigned c = first; c <= last; ++c) {
      symbols.push_back(c < 0x80 ? std::string(1, static_cast<char>(c))
                                 : std::string{static_cast<char>(0xC0 | c >> 6),
                                               static_cast<char>(0x80 | (c & 63))});
    }
  };
  add(0x21, 0x7E);
  add(0xA1, 0xAC);
  add(0xAE, 0xFF);
  add(0x100, 0x100 + 256 - static_cast<unsigned>(symbols.size()) - 1);
  return symbols;
}

/// vocab.json from merges.txt, as tests/reference/text/clip_vocabulary.py makes it.
inline nlohmann::json vocabulary_of(const std::filesystem::path& merges) {
  nlohmann::json vocabulary = nlohmann::json::object();
  const auto add = [&](const std::string& token) { vocabulary[token] = vocabulary.size(); };
  for (const std::string& symbol : byte_symbols()) add(symbol);
  for (const std::string& symbol : byte_symbols()) add(symbol + "</w>");
  std::ifstream stream(merges);
  std::string line;
  std::getline(stream, line);  // #version
  while (std::getline(stream, line)) add(line.erase(line.find(' '), 1));
  add("<|startoftext|>");
  add("<|endoftext|>");
  return vocabulary;
}

inline const std::string kMerges = FREEINIT_TEST_DATA "/text/merges.txt";

/// Writes CLIP's vocab.json into `folder`.
inline void write_vocabulary(const std::filesystem::path& folder) {
  write_file(folder / "vocab.json", vocabulary_of(kMerges).dump());
}

inline freeinit::ClipTokenizer clip_tokenizer(const freeinit::ClipTokenizerOptions& options = {}) {
  const TemporaryFolder folder;
  write_vocabulary(folder.path());
  return {folder.path() / "vocab.json", kMerges, options};
}

/// The tokenizer that most tests use, made once.
inline const freeinit::ClipTokenizer& shared_tokenizer() {
  static const freeinit::ClipTokenizer tokenizer = clip_tokenizer();
  return tokenizer;
}

}  // namespace text_test
