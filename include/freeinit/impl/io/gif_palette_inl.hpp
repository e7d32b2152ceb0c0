#pragma once

#include <freeinit/impl/io/filter_graph_inl.hpp>

#include <string>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Reduces frames (BGRA) to 256 colours by one palette made from all of them: FFmpeg's filters
/// palettegen and paletteuse. The graph holds the frames until `finish`.
class GifPalette {
 public:
  GifPalette(int width, int height, AVRational fps) {
    AVFilterContext* source = graph_.add_source(
        "video_size=" + std::to_string(width) + "x" + std::to_string(height) +
        ":pix_fmt=bgra:time_base=" + std::to_string(fps.den) + "/" + std::to_string(fps.num));
    AVFilterContext* split = graph_.add("split", "outputs=2");
    AVFilterContext* generate = graph_.add("palettegen", "reserve_transparent=0:stats_mode=full");
    // Ordered dithering stays where it is from frame to frame; error diffusion would crawl.
    AVFilterContext* use = graph_.add("paletteuse", "dither=bayer:bayer_scale=4");
    graph_.link(source, 0, split, 0);
    graph_.link(split, 0, use, 0);
    graph_.link(split, 1, generate, 0);
    graph_.link(generate, 0, use, 1);
    graph_.configure(use);
  }

  void add(FrameHandle frame) {
    frame->pts = next_pts_++;
    graph_.push(frame.get());
  }

  /// Ends the input: from here on `next` gives the reduced frames.
  void finish() { graph_.push(nullptr); }

  /// The next reduced frame (PAL8), none at the end.
  [[nodiscard]] FrameHandle next() { return graph_.pull(); }

 private:
  FilterGraph graph_{"GIF palette", ErrorCode::internal};
  std::int64_t next_pts_ = 0;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
