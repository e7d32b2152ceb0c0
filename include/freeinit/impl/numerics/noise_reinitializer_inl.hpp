#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/numerics/noise_reinitializer.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/fft_irfftn.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/view_as_real.h>
#include <c10/util/StringUtil.h>

#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// For each unshifted bin k of an axis: where k and -k stand in the centred order.
struct MirrorIndex {
  std::int64_t bin;
  std::int64_t mirrored;
};

FREEINIT_INLINE std::vector<MirrorIndex> mirror_indices(std::int64_t size, std::int64_t count) {
  std::vector<MirrorIndex> indices;
  for (std::int64_t k = 0; k < count; ++k) {
    indices.push_back({(k + size / 2) % size, ((size - k) % size + size / 2) % size});
  }
  return indices;
}

/// Ls(k) = (M(k) + M(-k)) / 2 in unshifted order, columns 0 .. width/2; each value twice, for the
/// real and the imaginary part: [frames, height, width/2 + 1, 2].
FREEINIT_INLINE at::Tensor symmetrised_half_mask(const at::Tensor& centred_mask) {
  const at::Tensor centred = centred_mask.contiguous();
  const std::int64_t height = centred.size(1);
  const std::int64_t width = centred.size(2);
  const auto times = mirror_indices(centred.size(0), centred.size(0));
  const auto rows = mirror_indices(height, height);
  const auto columns = mirror_indices(width, width / 2 + 1);

  at::Tensor half = at::empty({centred.size(0), height, width / 2 + 1, 2}, at::kFloat);
  const float* const mask = centred.const_data_ptr<float>();
  float* value = half.mutable_data_ptr<float>();
  for (const MirrorIndex& t : times) {
    for (const MirrorIndex& h : rows) {
      const float* const row = mask + (t.bin * height + h.bin) * width;
      const float* const mirrored_row = mask + (t.mirrored * height + h.mirrored) * width;
      for (const MirrorIndex& w : columns) {
        const double sum = static_cast<double>(row[w.bin]) + mirrored_row[w.mirrored];
        *value++ = static_cast<float>(sum / 2.0);
        *value++ = static_cast<float>(sum / 2.0);
      }
    }
  }
  return half;
}

FREEINIT_INLINE void check_reinit_input(const char* name, const at::Tensor& input,
                                        const at::Tensor& half_mask, std::int64_t width) {
  const auto fail = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str(name, " ", reason));
  };
  if (!input.defined()) fail("undefined: no tensor; expected latents");
  const at::IntArrayRef sizes = input.sizes();
  const std::int64_t n = input.dim();
  if (n < 3 || sizes[n - 3] != half_mask.size(0) || sizes[n - 2] != half_mask.size(1) ||
      sizes[n - 1] != width) {
    fail(c10::str("'", sizes, "': wrong shape; expected [..., ", half_mask.size(0), ", ",
                  half_mask.size(1), ", ", width, "]"));
  }
  if (!input.is_floating_point()) {
    fail(c10::str("'", input.scalar_type(), "': wrong dtype; expected a floating point one"));
  }
  if (input.device() != half_mask.device()) {
    fail(c10::str("'", input.device(), "': wrong device; expected ", half_mask.device()));
  }
}

}  // namespace detail

FREEINIT_INLINE NoiseReinitializer::NoiseReinitializer(const FrequencyFilterOptions& options,
                                                       std::int64_t frames, std::int64_t height,
                                                       std::int64_t width, at::Device device)
    : NoiseReinitializer(frequency_filter_mask(options, frames, height, width), device) {}

FREEINIT_INLINE NoiseReinitializer::NoiseReinitializer(const at::Tensor& centred_mask,
                                                       at::Device device) {
  if (!centred_mask.defined() || centred_mask.dim() != 3 || centred_mask.numel() == 0) {
    raise(ErrorCode::invalid_argument,
          c10::str("mask '", centred_mask.defined() ? centred_mask.sizes() : at::IntArrayRef{},
                   "': wrong shape; expected [frames, height, width]"));
  }
  if (!centred_mask.is_floating_point()) {
    raise(ErrorCode::invalid_argument, c10::str("mask '", centred_mask.scalar_type(),
                                                "': wrong dtype; expected a floating point one"));
  }
  width_ = centred_mask.size(2);
  half_mask_ = detail::symmetrised_half_mask(centred_mask.to(at::kCPU, at::kFloat)).to(device);
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::operator()(const at::Tensor& diffused,
                                                          const at::Tensor& fresh) const {
  detail::check_reinit_input("diffused latents", diffused, half_mask_, width_);
  detail::check_reinit_input("fresh noise", fresh, half_mask_, width_);
  if (diffused.sizes() != fresh.sizes()) {
    raise(ErrorCode::invalid_argument,
          c10::str("fresh noise '", fresh.sizes(), "': wrong shape; expected that of the latents, ",
                   diffused.sizes()));
  }
  constexpr std::int64_t dims[] = {-3, -2, -1};
  // Not deducible from the half spectrum when the width is odd.
  const std::int64_t sizes[] = {half_mask_.size(0), half_mask_.size(1), width_};
  const at::Tensor high = fresh.to(at::kFloat);
  at::Tensor spectrum = at::fft_rfftn(diffused.to(at::kFloat).sub(high), std::nullopt, dims);
  at::view_as_real(spectrum).mul_(half_mask_);
  return at::fft_irfftn(spectrum, sizes, dims).add_(high);
}

}  // namespace freeinit::inline FREEINIT_ABI
