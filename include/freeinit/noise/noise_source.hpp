#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/context_options.hpp>

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
  /// The noise of one video.
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

  /// From now on, noise [B,C,F,h,w] of more frames than a window is scheduled as `context.noise`
  /// says: which frame is which is drawn once, with the first such noise and behind it, and holds
  /// for all that follows, so that frames of a run stay related. Bit-equal to diffusers'
  /// `enable_free_noise` in the first noise, whose `context_stride` is length - overlap. Throws
  /// Error: invalid_argument (no length, what `ContextOptions::validate` refuses).
  void schedule_frames(const ContextOptions& context);

  /// Where the generators stand, uint8 [num_seeds, n]: plain data that can be kept in a file; the
  /// schedule of frames is part of it.
  /// Throws Error: invalid_argument for a source that was moved from.
  [[nodiscard]] at::Tensor state() const;

  /// A source that draws what the one whose `state` this is would have drawn next. Throws Error:
  /// invalid_argument for anything else.
  [[nodiscard]] static NoiseSource from_state(const at::Tensor& state);

  /// Number of generators; 0 once moved from.
  [[nodiscard]] std::size_t num_seeds() const noexcept { return generators_.size(); }

 private:
  NoiseSource() = default;

  [[nodiscard]] at::Tensor draw_from(std::size_t index, at::IntArrayRef shape,
                                     at::ScalarType dtype);

  /// What `state` adds for long clips.
  void read_schedule(const at::Tensor& bytes);

  /// Of `schedule_frames`.
  struct FrameSchedule {
    LongNoise noise = LongNoise::random;
    std::int64_t length = 1;
    std::int64_t stride = 1;  ///< length - overlap
  };

  std::vector<at::Generator> generators_;
  FrameSchedule schedule_;
  /// One a generator once drawn: int64 [F], frame i is the drawn frame orders[i].
  std::vector<at::Tensor> orders_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/noise/noise_source_inl.hpp>
#endif
