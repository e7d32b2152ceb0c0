#pragma once

#include <freeinit/bundle/verify.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/sha256.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE void verify_bundle_files(const std::filesystem::path& bundle,
                                         const Manifest& manifest, bool hashes,
                                         HashStamps* stamps) {
  for (const auto& [name, record] : manifest.files) {
    const std::filesystem::path path = bundle / name;
    const std::string origin = "bundle file '" + (bundle / excerpt(name)).string() + "': ";
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) {
      raise(ErrorCode::not_found, origin + "no such file, but the manifest lists it");
    }
    const std::uintmax_t bytes = std::filesystem::file_size(path, failure);
    if (failure) raise(ErrorCode::io, origin + failure.message());
    if (bytes != record.bytes) {
      raise(ErrorCode::invalid_file, concat(origin, "has ", bytes, " bytes; the manifest says ",
                                            record.bytes, " (truncated or altered)"));
    }
    if (!hashes) continue;
    const std::string sha256 =
        stamps ? stamps->sha256_of(path, record.sha256) : sha256_of_file(path);
    if (sha256 != record.sha256) {
      raise(ErrorCode::invalid_file, concat(origin, "SHA-256 is ", sha256, "; the manifest says ",
                                            record.sha256, " (altered)"));
    }
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
