#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/frequency_filter_options.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// The mask [frames, height, width], float32 on the CPU, centred as in the reference (DC at index
/// N/2 of each axis, the layout after `fftshift`). 1 keeps a frequency of the diffused latents, 0
/// takes it from fresh noise. With a stop frequency of 0 the mask is all zeros. Source: FreeInit
/// `freeinit_utils.py` (facts: d^2 = ((d_s/d_t)(2t/T-1))^2 + (2h/H-1)^2 + (2w/W-1)^2, evaluated in
/// double, stored as float32). A temporal filter has d^2 = (2t/T-1)^2 and radius d_t, a spatial one
/// d^2 = (2h/H-1)^2 + (2w/W-1)^2 and radius d_s. Throws Error: invalid_argument (options, a size
/// < 1).
[[nodiscard]] FREEINIT_API at::Tensor frequency_filter_mask(const FrequencyFilterOptions& options,
                                                            std::int64_t frames,
                                                            std::int64_t height,
                                                            std::int64_t width);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/noise/frequency_filter_inl.hpp>
#endif
