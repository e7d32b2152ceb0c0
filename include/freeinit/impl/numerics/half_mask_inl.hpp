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

FREEINIT_INLINE std::vector<MirrorIndex> mirror_indices(std::int64_t size, std::int64_t count) {
  std::vector<MirrorIndex> indices;
  for (std::int64_t k = 0; k < count; ++k) {
    indices.push_back({(k + size / 2) % size, ((size - k) % size + size / 2) % size});
  }
  return indices;
}

/// Calls visit(M(k), M(-k)) for every unshifted bin with a column below `num_columns`, row-major.
/// `centred`: float32 on the CPU, contiguous.
template <class Visit>
void visit_mirrored(const at::Tensor& centred, std::int64_t num_columns, const Visit& visit) {
  const std::int64_t height = centred.size(1);
  const std::int64_t width = centred.size(2);
  const auto times = mirror_indices(centred.size(0), centred.size(0));
  const auto rows = mirror_indices(height, height);
  const auto columns = mirror_indices(width, num_columns);
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

/// factor(M(k), M(-k)) in unshifted order, columns 0 .. width/2; each value twice, for the real and
/// the imaginary part: [frames, height, width/2 + 1, 2].
template <class Factor>
at::Tensor doubled_half_mask(const at::Tensor& centred, const Factor& factor) {
  const std::int64_t columns = centred.size(2) / 2 + 1;
  at::Tensor half = at::empty({centred.size(0), centred.size(1), columns, 2}, at::kFloat);
  float* value = half.mutable_data_ptr<float>();
  visit_mirrored(centred, columns, [&](double here, double there) {
    const auto entry = static_cast<float>(factor(here, there));
    *value++ = entry;
    *value++ = entry;
  });
  return half;
}

/// even(k) - sign i odd(k) of response(M(k)) in unshifted order, columns 0 .. width/2: what a half
/// spectrum is multiplied by to transform back to the real plus sign times the imaginary part.
template <class Response>
at::Tensor complex_half_mask(const at::Tensor& centred, double sign, const Response& response) {
  const std::int64_t columns = centred.size(2) / 2 + 1;
  at::Tensor half = at::empty({centred.size(0), centred.size(1), columns}, at::kComplexFloat);
  auto* value = half.mutable_data_ptr<c10::complex<float>>();
  visit_mirrored(centred, columns, [&](double here, double there) {
    const double a = response(here);
    const double b = response(there);
    *value++ = {static_cast<float>((a + b) / 2.0), static_cast<float>(sign * (b - a) / 2.0)};
  });
  return half;
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
