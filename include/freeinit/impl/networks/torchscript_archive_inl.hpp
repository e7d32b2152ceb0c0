#pragma once

// What can be said of a TorchScript archive before LibTorch makes a network of it. `inline` in both
// modes: the units of several backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/networks/archive_code_inl.hpp>
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
