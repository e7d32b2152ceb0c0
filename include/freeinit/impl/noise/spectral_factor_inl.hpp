#pragma once

#include <freeinit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <c10/util/StringUtil.h>
#include <c10/util/complex.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// For each unshifted bin k of an axis: where k and -k stand in the centred order.
struct MirrorIndex {
  std::int64_t bin;
  std::int64_t mirrored;
};

FREEINIT_INLINE std::vector<MirrorIndex> mirror_indices(std::int64_t size) {
  std::vector<MirrorIndex> indices;
  for (std::int64_t k = 0; k < size; ++k) {
    indices.push_back({(k + size / 2) % size, ((size - k) % size + size / 2) % size});
  }
  return indices;
}

/// Calls visit(M(k), M(-k)) for every unshifted bin, row-major. `centred`: float32 on the CPU,
/// contiguous.
template <class Visit>
void visit_mirrored(const at::Tensor& centred, const Visit& visit) {
  const std::int64_t height = centred.size(1);
  const std::int64_t width = centred.size(2);
  const auto times = mirror_indices(centred.size(0));
  const auto rows = mirror_indices(height);
  const auto columns = mirror_indices(width);
  const float* const mask = centred.const_data_ptr<float>();
  for (const MirrorIndex& t : times) {
    for (const MirrorIndex& h : rows) {
      const float* const row = mask + (t.bin * height + h.bin) * width;
      const float* const mirrored_row = mask + (t.mirrored * height + h.mirrored) * width;
      for (const MirrorIndex& w : columns) {
        visit(static_cast<double>(row[w.bin]), static_cast<double>(mirrored_row[w.mirrored]));
      }
    }
  }
}

/// factor(M(k), M(-k)) in unshifted order; each value twice, for the real and the imaginary part,
/// so that it multiplies an interleaved spectrum as one plain product: [frames, height, width, 2].
template <class Factor>
at::Tensor real_factor(const at::Tensor& centred, const Factor& factor) {
  const at::IntArrayRef sizes = centred.sizes();
  at::Tensor doubled = at::empty({sizes[0], sizes[1], sizes[2], 2}, at::kFloat);
  float* value = doubled.mutable_data_ptr<float>();
  visit_mirrored(centred, [&](double here, double there) {
    const auto entry = static_cast<float>(factor(here, there));
    *value++ = entry;
    *value++ = entry;
  });
  return doubled;
}

/// even(k) - sign i odd(k) of response(M(k)) in unshifted order, [frames, height, width]: what a
/// spectrum is multiplied by to transform back to the real plus sign times the imaginary part.
template <class Response>
at::Tensor complex_factor(const at::Tensor& centred, double sign, const Response& response) {
  at::Tensor factor = at::empty(centred.sizes(), at::kComplexFloat);
  auto* value = factor.mutable_data_ptr<c10::complex<float>>();
  visit_mirrored(centred, [&](double here, double there) {
    const double a = response(here);
    const double b = response(there);
    *value++ = {static_cast<float>((a + b) / 2.0), static_cast<float>(sign * (b - a) / 2.0)};
  });
  return factor;
}

FREEINIT_INLINE double mask_mean(double here, double there) {
  return (here + there) / 2.0;
}

/// The factor of the high band that keeps the power of a band scaled by `low`.
FREEINIT_INLINE double complement(double low) {
  return std::sqrt(1.0 - low * low);
}

/// A centred mask as float32 on the CPU, contiguous. Throws Error: invalid_argument.
FREEINIT_INLINE at::Tensor checked_mask(const at::Tensor& mask) {
  if (!mask.defined() || mask.dim() != 3 || mask.numel() == 0) {
    raise(ErrorCode::invalid_argument,
          c10::str("mask '", mask.defined() ? mask.sizes() : at::IntArrayRef{},
                   "': wrong shape; expected [frames, height, width]"));
  }
  if (!mask.is_floating_point()) {
    raise(ErrorCode::invalid_argument,
          c10::str("mask '", mask.scalar_type(), "': wrong dtype; expected a floating point one"));
  }
  at::Tensor checked = mask.to(at::kCPU, at::kFloat).contiguous();
  if (!at::isfinite(checked).all().item<bool>()) {
    raise(ErrorCode::invalid_argument, "mask: holds NaN or infinite values; expected finite ones");
  }
  return checked;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
