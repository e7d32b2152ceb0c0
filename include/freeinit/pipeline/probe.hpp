#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/networks/model_bundle.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// What one part of a bundle did when it was tried.
struct ProbeFinding {
  /// How the try ended.
  enum class Outcome { passed, failed, skipped };  ///< skipped: what it needs has failed

  std::string part;                   ///< "manifest", "file unet.pt", "unet", ...
  Outcome outcome = Outcome::passed;  ///< how the try of this part ended
  std::string detail;  ///< passed: shapes and types seen; failed: what is wrong; skipped: why
  std::string remedy;  ///< failed: how to mend it
  ErrorCode code = ErrorCode::internal;  ///< failed: the kind of failure
};

/// What `probe_bundle` found.
struct ProbeReport {
  std::vector<ProbeFinding> findings;  ///< in the order of the probe, at least one

  /// The first failure, or null.
  [[nodiscard]] FREEINIT_API const ProbeFinding* first_failure() const noexcept;
  /// How many parts have failed.
  [[nodiscard]] FREEINIT_API std::size_t num_failures() const noexcept;
};

/// Tries every part of a bundle on its own and goes on after a failure: manifest, each file, the
/// tokenizer, the recommended settings, and one run of each network at the smallest shape it allows
/// (text encoder, UNet, one step of the scheduler, VAE decoder and encoder), whose results must be
/// finite and of the promised shape and type. Networks are loaded one after another: memory is that
/// of the largest. `options.verify_hashes` and `backend` hold here too, but an unset backend means
/// TorchScript, which the others are made of. Throws nothing but std::bad_alloc.
[[nodiscard]] FREEINIT_API ProbeReport probe_bundle(const std::filesystem::path& folder,
                                                    const BundleOptions& options = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/probe_inl.hpp>
#endif
