#pragma once

/// Group norm, and SiLU of it, on pointers and sizes alone. A group is read for its sums and again,
/// while it is in the cache, for what is written.

#include <freeinit/kernels/parallel.hpp>

#include <cstdint>
#include <string_view>

namespace freeinit::kernels {

/// (x - mean) / sqrt(variance + epsilon) * weight + bias of a tensor [batches,channels,frames,
/// pixels], with mean and variance of some channels each. All sizes are 1 at least.
struct GroupNorm {
  std::int64_t batches;   ///< images, or videos
  std::int64_t channels;  ///< a multiple of `groups`
  std::int64_t groups;    ///< each has the same number of channels
  std::int64_t frames;    ///< of a video; 1 of an image
  std::int64_t pixels;    ///< of one frame in one channel: they lie together
  double epsilon;         ///< no less than 0
  bool silu;              ///< y / (1 + exp(-y)) of the result is written instead
  const float* input;     ///< the first element
  std::int64_t batch;     ///< elements of the input from one batch to the next
  std::int64_t channel;   ///< elements from one channel to the next
  std::int64_t frame;     ///< elements from one frame to the next
  const float* weight;    ///< [channels]
  const float* bias;      ///< [channels]
  float* output;  ///< [batches,channels,frames,pixels], without gaps; written: may be the input
};

/// The kernels for one instruction set.
struct GroupNormKernels;

/// As `instruction_set` of winograd.hpp.
[[nodiscard]] const GroupNormKernels* group_norm_kernels(std::string_view capability);

/// Computes it: the same bits with every instruction set and wherever the input lies. NaN and
/// infinity in a group make NaN of it.
void normalise(const GroupNormKernels& kernels, const GroupNorm& norm, const Parallel& parallel);

}  // namespace freeinit::kernels
