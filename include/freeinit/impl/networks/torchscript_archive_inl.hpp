#pragma once

// What can be said of a TorchScript archive before LibTorch makes a network of it. `inline` in both
// modes: the units of several backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/networks/contract_inl.hpp>
#include <freeinit/impl/networks/library_error_inl.hpp>

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Refuses a part of an archive. `origin` names the file.
[[noreturn]] inline void refuse_archive(const std::string& origin, std::string_view part,
                                        const std::string& what) {
  raise(ErrorCode::invalid_file, concat(origin, ": ", quote(part), " ", what));
}

/// Brackets and indentation inside each other: LibTorch's parser recurses on them. Brackets in
/// texts do not count.
inline std::size_t deepest_nesting(std::string_view code) {
  std::size_t deepest = 0;
  std::size_t brackets = 0;
  std::size_t indent = 0;
  bool at_start = true;  // of a line
  char quote_mark = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (quote_mark != 0) {
      if (c == '\\') ++i;
      if (c == quote_mark || c == '\n') quote_mark = 0;
    } else if (c == '"' || c == '\'') {
      quote_mark = c;
    } else if (c == '(' || c == '[' || c == '{') {
      ++brackets;
    } else if ((c == ')' || c == ']' || c == '}') && brackets > 0) {
      --brackets;
    }
    at_start = c == '\n' || (at_start && c == ' ');
    indent = c == '\n' ? 0 : indent + (at_start ? 1 : 0);
    deepest = std::max({deepest, brackets, indent / 2});  // two blanks a level
  }
  return deepest;
}

/// Refuses code that runs while it is read (`__setstate__`) and code too deep to be read.
inline void check_archive_code(const std::string& origin, std::string_view part,
                               std::string_view code) {
  constexpr std::size_t kDeepest = 256;
  if (code.find("__setstate__") != code.npos) {
    refuse_archive(origin, part,
                   "has a method __setstate__, which runs while the file is read; expected a "
                   "network without one");
  }
  if (deepest_nesting(code) > kDeepest) {
    refuse_archive(origin, part,
                   concat("has more than ", kDeepest, " levels of code inside each other"));
  }
}

/// Refuses objects of classes that are not written in the archive but built into LibTorch. A pickle
/// names a class in two lines that split anywhere.
inline void check_archive_classes(const std::string& origin, std::string_view part,
                                  std::string text) {
  constexpr std::string_view kBuiltIn = "torch.classes.";
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  std::replace(text.begin(), text.end(), '\n', '.');
  const std::size_t at = text.find(kBuiltIn);
  if (at == text.npos) return;
  const std::size_t end = std::min(text.find_first_not_of(kPlain, at), text.size());
  refuse_archive(
      origin, part,
      concat("uses the class ", quote(text.substr(at, end - at)), "; expected tensors at most"));
}

/// Bytes of a part that is read as a whole.
inline constexpr std::size_t kLargestPart = std::size_t{64} << 20;

inline std::string read_part(caffe2::serialize::PyTorchStreamReader& archive,
                             const std::string& origin, const std::string& part) {
  if (archive.getRecordSize(part) > kLargestPart) {
    refuse_archive(origin, part, "takes more than 64 MiB");
  }
  const auto [data, size] = archive.getRecord(part);
  return {static_cast<const char*>(data.get()), size};
}

/// Looks at all that LibTorch would read as code or as objects. `origin` names the file. Throws
/// Error: not_found, invalid_file.
inline void check_archive(const std::filesystem::path& file, const std::string& origin) {
  constexpr std::size_t kMostParts = 200'000;
  check_network_file(origin, file);
  try {
    caffe2::serialize::PyTorchStreamReader archive(file.string());
    const std::vector<std::string> parts = archive.getAllRecords();
    if (parts.size() > kMostParts) refuse_archive(origin, file.string(), "holds too many parts");
    if (!archive.hasRecord("constants.pkl") || archive.hasRecord("model.json")) {
      refuse_archive(origin, "constants.pkl",
                     "is not there; expected the format of PyTorch 1.4 on");
    }
    for (const std::string& part : parts) {
      std::string kind = part.substr(part.size() - std::min<std::size_t>(part.size(), 4));
      std::transform(kind.begin(), kind.end(), kind.begin(),  // as LibTorch finds parts by name
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const bool code = kind.ends_with(".py");
      if (!code && kind != ".pkl") continue;
      std::string text = read_part(archive, origin, part);
      if (code) check_archive_code(origin, part, text);
      check_archive_classes(origin, part, std::move(text));
    }
  } catch (...) {
    rethrow_as_error(ErrorCode::invalid_file, origin + ": not a readable TorchScript file");
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
