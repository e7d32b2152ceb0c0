#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// The rate behind the frame times of a GIF, which are whole 1/100 s: the whole number of frames
/// per second that gives these very times and lies nearest to their mean, else the mean. `times`:
/// when each frame begins, and when the last one ends.
FREEINIT_INLINE double gif_rate(const std::vector<std::int64_t>& times) {
  if (times.size() < 2 || times.back() <= times.front()) return 0.0;
  const auto frames = static_cast<std::int64_t>(times.size()) - 1;
  const double mean = 100.0 * double(frames) / double(times.back() - times.front());
  double best = mean;
  double best_distance = 0.1 * mean + 1.0;  // no further than rounding could move a mean
  for (int rate = 1; rate <= 100; ++rate) {
    bool fits = std::abs(rate - mean) < best_distance;
    for (std::int64_t i = 0; fits && i <= frames; ++i) {
      const std::int64_t time = av_rescale(i, 100, rate) + times.front();
      fits = time == times[static_cast<std::size_t>(i)];
    }
    if (!fits) continue;
    best = rate;
    best_distance = std::abs(rate - mean);
  }
  return best;
}

/// When the frames of a clip begin, in seconds, as they come.
class FrameTimes {
 public:
  void add(double time) {
    if (count_++ == 0) {
      first_ = last_ = time;
      return;
    }
    interval_ = time - last_;
    last_ = time;
    shortest_ = std::min(shortest_, interval_);
    longest_ = std::max(longest_, interval_);
  }

  [[nodiscard]] double first() const { return first_; }
  [[nodiscard]] double last() const { return last_; }
  /// When the last frame ends: it is taken to stay as long as the one before it, else `alone`.
  [[nodiscard]] double end(double alone) const {
    return last_ + (count_ > 1 ? std::max(interval_, 0.0) : alone);
  }
  /// Whether some frame stays half as long again as another, which rounding does not explain.
  [[nodiscard]] bool variable() const { return count_ > 2 && longest_ > 1.5 * shortest_; }

 private:
  std::int64_t count_ = 0;
  double first_ = 0.0;
  double last_ = 0.0;
  double interval_ = 0.0;
  double shortest_ = std::numeric_limits<double>::infinity();
  double longest_ = 0.0;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
