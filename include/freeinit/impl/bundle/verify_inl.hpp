#pragma once

#include <freeinit/bundle/verify.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/bundle/inside_bundle_inl.hpp>
#include <freeinit/io/sha256.hpp>

#include <filesystem>
#include <string>
#include <system_error>

namespace freeinit::inline FREEINIT_ABI {

namespace detail {

/// A file beside the vocabulary that the tokenizer reads if it is there: no one may slip it in.
FREEINIT_INLINE void check_added_tokens(const std::filesystem::path& bundle,
                                        const Manifest& manifest) {
  const std::filesystem::path vocabulary = manifest.tokenizer.vocab_file;
  const std::filesystem::path added = vocabulary.parent_path() / "added_tokens.json";
  std::error_code ignored;
  if (!manifest.files.contains(vocabulary.string()) || manifest.files.contains(added.string()) ||
      !std::filesystem::exists(bundle / added, ignored)) {
    return;
  }
  raise(ErrorCode::invalid_file, concat("bundle file ", quote((bundle / added).string()),
                                        ": is read with the vocabulary, but the manifest does not "
                                        "list it"));
}

}  // namespace detail

FREEINIT_INLINE void verify_bundle_files(const std::filesystem::path& bundle,
                                         const Manifest& manifest, bool hashes,
                                         HashStamps* stamps) {
  detail::check_added_tokens(bundle, manifest);
  std::error_code unknown;
  const std::filesystem::path folder = std::filesystem::canonical(bundle, unknown);
  for (const auto& [name, record] : manifest.files) {
    const std::filesystem::path path = bundle / name;
    const std::string origin = "bundle file '" + (bundle / excerpt(name)).string() + "': ";
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) {
      raise(ErrorCode::not_found, origin + "no such file, but the manifest lists it");
    }
    detail::check_inside(folder, path, origin);
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
