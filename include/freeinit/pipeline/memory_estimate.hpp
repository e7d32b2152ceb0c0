#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/options/generation_request.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <cstdint>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {

/// What a run will take at most in each of its stages, in bytes: resident memory of the process on
/// a CPU; on another device the device's, without its libraries.
struct MemoryEstimate {
  std::int64_t text = 0;     ///< while prompts are encoded
  std::int64_t encode = 0;   ///< while a real video is encoded; 0 without one
  std::int64_t denoise = 0;  ///< in the calls of the UNet
  std::int64_t decode = 0;   ///< while frames are decoded
  std::int64_t write = 0;    ///< while a video is written: frames, and FFmpeg's encoder

  /// Bytes of the stage that takes most.
  [[nodiscard]] FREEINIT_API std::int64_t peak() const noexcept;
};

/// What a process holds beside weights and tensors: measured with this library's command on glibc,
/// in runs of 0.2 to 1.5 GiB.
struct HeapOverhead {
  /// Bytes of LibTorch's code and tables and of its kernels' caches that the first run of a model
  /// brings in, some of them late: seen were 95 to 130 MiB, as the system had the pages about, and
  /// 50 with networks of a few operators; this lies between.
  std::int64_t first_use = std::int64_t{110} << 20;
  double waste = 0.5;  ///< of a call: freed blocks that nothing fits into
  std::int64_t most_waste = std::int64_t{1} << 50;  ///< bytes; the waste of a call is this at most
  /// Of the smaller of a call of the UNet and one of the decoder: blocks that the former left and
  /// nothing of the latter fits into.
  double left_over = 0.5;

  /// Of a process that called `keep_freed_memory`.
  [[nodiscard]] static constexpr HeapOverhead keeping() { return {}; }
  /// Of another: blocks of 32 MiB and more go back at once.
  [[nodiscard]] static constexpr HeapOverhead returning() {
    return {.first_use = std::int64_t{100} << 20,
            .waste = 0.6,
            .most_waste = std::int64_t{150} << 20,
            .left_over = 0.0};
  }
};

/// What is known of the process besides request and bundle.
struct MemoryConditions {
  std::int64_t resident = 0;  ///< bytes in use before anything is loaded: `process_memory`
  HeapOverhead heap = HeapOverhead::keeping();  ///< left out of account on another device
  bool encodes_video = false;                   ///< a real video goes through the encoder
};

/// The estimate from the manifest alone, before any network is read; nothing for a bundle whose
/// manifest has no section "memory". For the backends that run
/// TorchScript; docs/command.md says how near it comes. The request must have passed
/// `check_request`.
[[nodiscard]] FREEINIT_API std::optional<MemoryEstimate> estimate_memory(
    const Manifest& manifest, const GenerationRequest& request, const BundleOptions& options,
    const MemoryConditions& conditions);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/memory_estimate_inl.hpp>
#endif
