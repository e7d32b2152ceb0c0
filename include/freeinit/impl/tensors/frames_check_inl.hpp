#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <ATen/core/Tensor.h>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Refuses what is not pictures [N,H,W,3] of bytes; `name` says what they are. Plain `inline`: more
/// than one layer asks.
inline void check_frames(const char* name, const at::Tensor& frames) {
  const bool usable = frames.defined() && frames.dim() == 4 && frames.size(3) == 3 &&
                      frames.numel() > 0 && frames.scalar_type() == at::kByte;
  if (usable) return;
  raise(ErrorCode::invalid_argument,
        concat(name, " '", frames.defined() ? frames.sizes() : at::IntArrayRef{},
               "': expected uint8 values of shape [N, height, width, 3]"));
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
