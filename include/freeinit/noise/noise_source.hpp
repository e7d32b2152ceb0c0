#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The only place where randomness comes from: standard normal noise from private CPU generators,
/// so that every device gives the same video for the same seed. Equal to `torch.randn(shape,
/// generator=torch.Generator().manual_seed(seed))`, draw after draw.
///
/// With several seeds the first dimension is the batch and entry k is drawn from generator k as
/// [1, ...]: video k of a batch equals the single run with seed k (diffusers' list of generators).
///
/// Move-only: a copy would repeat the same noise unseen.
class FREEINIT_API NoiseSource {
 public:
  explicit NoiseSource(std::uint64_t seed);
  /// One generator a video. Throws Error: invalid_argument when empty.
  explicit NoiseSource(const std::vector<std::uint64_t>& seeds);
  NoiseSource(NoiseSource&&) noexcept = default;
  NoiseSource& operator=(NoiseSource&&) noexcept = default;
  NoiseSource(const NoiseSource&) = delete;
  NoiseSource& operator=(const NoiseSource&) = delete;

  /// A tensor of standard normal numbers of `shape`, drawn on the CPU in `dtype`, then moved to
  /// `device`. Throws Error: invalid_argument when there are several seeds and shape[0] differs
  /// from their number, for a dtype that is not floating point, and for a source that was moved
  /// from.
  [[nodiscard]] at::Tensor draw(at::IntArrayRef shape, at::ScalarType dtype = at::kFloat,
                                at::Device device = at::kCPU);

  /// Where the generators stand, uint8 [num_seeds, n]: plain data that can be kept in a file.
  /// Throws Error: invalid_argument for a source that was moved from.
  [[nodiscard]] at::Tensor state() const;

  /// A source that draws what the one whose `state` this is would have drawn next. Throws Error:
  /// invalid_argument for anything else.
  [[nodiscard]] static NoiseSource from_state(const at::Tensor& state);

  /// Number of generators; 0 once moved from.
  [[nodiscard]] std::size_t num_seeds() const noexcept { return generators_.size(); }

 private:
  NoiseSource() = default;

  std::vector<at::Generator> generators_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/noise/noise_source_inl.hpp>
#endif
