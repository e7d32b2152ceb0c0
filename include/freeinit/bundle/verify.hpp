#pragma once

#include <freeinit/bundle/hash_stamps.hpp>
#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>

#include <filesystem>

namespace freeinit::inline FREEINIT_ABI {

/// Checks that every file of the manifest is there with its size and, if `hashes`, its SHA-256;
/// with `stamps`, files that are known to be untouched since they had it are not read again.
/// Throws Error: not_found, invalid_file, io; the message names the file and what differs.
FREEINIT_API void verify_bundle_files(const std::filesystem::path& bundle, const Manifest& manifest,
                                      bool hashes = true, HashStamps* stamps = nullptr);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/bundle/verify_inl.hpp>
#endif
