#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/networks/video_unet.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Deep features of a UNet, reused between neighbouring steps (DeepCache, arXiv 2312.00858): every
/// `interval`-th call of a pass runs the whole network, those between run its first and last layers
/// alone. Changes the result; benchmarks/results shows by how much and what it saves.
///
/// Holds the state of one pass, so an object belongs to one run and one thread.
class FREEINIT_API FeatureCache {
 public:
  /// Throws Error: invalid_argument (interval < 1).
  explicit FeatureCache(std::int64_t interval);

  /// Forgets all features: the next call is a whole one. Call it at the start of each pass and each
  /// video; a change of the latents' shape does the same.
  void start_pass() noexcept;

  /// Whether the next call is a whole one, so that nothing is lost with the object.
  [[nodiscard]] bool is_fresh() const noexcept { return calls_left_ == 0; }

  /// As `VideoUNet::predict`, by the whole network or by its shallow part. Throws Error: as there;
  /// unsupported when the network was not split.
  [[nodiscard]] at::Tensor predict(const VideoUNet& unet, const UNetInput& input);

 private:
  std::int64_t interval_;
  std::int64_t calls_left_ = 0;  ///< shallow calls until the next whole one
  std::vector<std::int64_t> shape_;
  at::Tensor deep_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/feature_cache_inl.hpp>
#endif
