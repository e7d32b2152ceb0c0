#pragma once

#include <freeinit/impl/io/frame_times_inl.hpp>
#include <freeinit/impl/io/pixel_converter_inl.hpp>
#include <freeinit/io/video_file.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI::detail {

/// The first frame names the size of a clip; another one is refused.
FREEINIT_INLINE void check_size(DecodedVideo& video, int width, int height, std::int64_t frame,
                                const std::string& what) {
  if (video.num_frames == 0) {
    video.width = width;
    video.height = height;
  }
  if (width == video.width && height == video.height) return;
  const auto size = [](int w, int h) { return std::to_string(w) + "x" + std::to_string(h); };
  raise(ErrorCode::invalid_file, what + ": frame " + std::to_string(frame) + " has " +
                                     size(width, height) + " pixels after frames of " +
                                     size(video.width, video.height) + "; expected one size");
}

/// Raises Error for a clip of `count` frames, none of which was wanted.
[[noreturn]] FREEINIT_INLINE void refuse_empty(const std::string& what, std::int64_t count,
                                               const FrameSelection& selection) {
  if (count == 0) raise(ErrorCode::invalid_file, what + ": holds no complete frame");
  raise(ErrorCode::invalid_file, what + ": holds " + std::to_string(count) + " frames; frame " +
                                     std::to_string(selection.first) +
                                     " was asked for, counted from 0");
}

/// Appends the wanted ones of decoded frames to a clip.
class FramePicker {
 public:
  /// `show` makes of a frame that is wanted the one whose pixels are taken.
  FramePicker(std::string what, const FrameSelection& selection, DecodedVideo& video,
              std::function<FrameHandle(AVFrame&)> show)
      : what_(std::move(what)), selection_(selection), video_(video), show_(std::move(show)) {}

  /// `time`: when the frame begins, in seconds. False when no more frames are wanted.
  [[nodiscard]] bool take(AVFrame& frame, double time) {
    const double before = times_.last();
    times_.add(time);
    const std::int64_t place = count_++ - selection_.first;
    if (selection_.fps <= 0) {
      const bool wanted = place >= 0 && place % selection_.stride == 0;
      return !wanted || append(frame);
    }
    // Of each wanted time the nearest frame is taken: the one before stays up to the middle.
    if (count_ > 1 && !append_kept((before + time) / 2)) return false;
    av_frame_unref(kept_.get());
    if (av_frame_ref(kept_.get(), &frame) < 0) throw std::bad_alloc();
    return true;
  }

  /// Ends the clip. `rate`: its frames per second, 0 for what has no times.
  void finish(double rate) {
    if (selection_.fps > 0 && count_ > 0 && !video_.cut) {
      if (rate <= 0) {
        raise(ErrorCode::invalid_argument,
              what_ + ": has no frame times; expected no frames per second to take them by");
      }
      constexpr double kRounding = 1e-6;
      static_cast<void>(append_kept(times_.end(1 / rate) - kRounding));
    }
    if (video_.num_frames == 0) refuse_empty(what_, count_, selection_);
    video_.fps = rate;
    video_.variable_rate = times_.variable();
  }

  /// Frames seen so far.
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  /// The kept frame for each wanted time before `end`.
  [[nodiscard]] bool append_kept(double end) {
    const auto time = [&] {
      const std::int64_t number = selection_.first + video_.num_frames * selection_.stride;
      return times_.first() + double(number) / selection_.fps;
    };
    while (time() < end) {
      if (!append(*kept_)) return false;
    }
    return true;
  }

  [[nodiscard]] bool append(AVFrame& stored) {
    if (video_.num_frames == selection_.max_frames) {
      video_.cut = true;
      return false;
    }
    const FrameHandle frame = show_(stored);
    check_size(video_, frame->width, frame->height, count_ - 1, what_);
    if (!converter_.append(*frame, video_.rgb)) {
      raise(ErrorCode::unsupported, what_ + ": its pixel format cannot be converted to RGB");
    }
    ++video_.num_frames;
    return true;
  }

  std::string what_;
  const FrameSelection& selection_;
  DecodedVideo& video_;
  std::function<FrameHandle(AVFrame&)> show_;
  FrameToRgb converter_;
  FrameTimes times_;
  FrameHandle kept_{allocated(av_frame_alloc())};  // by time: the frame before
  std::int64_t count_ = 0;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
