#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/feature_cache.hpp>

#include <string>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE FeatureCache::FeatureCache(std::int64_t interval) : interval_(interval) {
  if (interval < 1) {
    raise(ErrorCode::invalid_argument,
          "cache interval '" + std::to_string(interval) + "': expected 1 or more");
  }
}

FREEINIT_INLINE void FeatureCache::start_pass() noexcept {
  calls_left_ = 0;
  deep_.reset();
}

FREEINIT_INLINE at::Tensor FeatureCache::predict(const VideoUNet& unet, const UNetInput& input) {
  if (interval_ == 1) return unet.predict(input);
  if (calls_left_ > 0 && input.latents.sizes() == shape_) {
    --calls_left_;
    return unet.predict_shallow(input, deep_);
  }
  deep_.reset();  // not two of them in memory
  DeepPrediction whole = unet.predict_deep(input);
  deep_ = std::move(whole.deep);
  shape_ = input.latents.sizes().vec();
  calls_left_ = interval_ - 1;
  return std::move(whole.output);
}

}  // namespace freeinit::inline FREEINIT_ABI
