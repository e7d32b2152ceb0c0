#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
}

#include <string>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Reduces frames (BGRA) to 256 colours by one palette made from all of them: FFmpeg's filters
/// palettegen and paletteuse. The graph holds the frames until `finish`.
class GifPalette {
 public:
  GifPalette(int width, int height, AVRational fps) {
    source_ =
        filter("buffer", "video_size=" + std::to_string(width) + "x" + std::to_string(height) +
                             ":pix_fmt=bgra:time_base=" + std::to_string(fps.den) + "/" +
                             std::to_string(fps.num));
    sink_ = filter("buffersink", "");
    AVFilterContext* split = filter("split", "outputs=2");
    AVFilterContext* generate = filter("palettegen", "reserve_transparent=0:stats_mode=full");
    // Ordered dithering stays where it is from frame to frame; error diffusion would crawl.
    AVFilterContext* use = filter("paletteuse", "dither=bayer:bayer_scale=4");
    link(source_, 0, split, 0);
    link(split, 0, use, 0);
    link(split, 1, generate, 0);
    link(generate, 0, use, 1);
    link(use, 0, sink_, 0);
    check(avfilter_graph_config(graph_.get(), nullptr));
  }

  void add(FrameHandle frame) {
    frame->pts = next_pts_++;
    check(av_buffersrc_add_frame(source_, frame.get()));
  }

  /// Ends the input: from here on `next` gives the reduced frames.
  void finish() { check(av_buffersrc_add_frame(source_, nullptr)); }

  /// The next reduced frame (PAL8), none at the end.
  [[nodiscard]] FrameHandle next() {
    FrameHandle frame(allocated(av_frame_alloc()));
    const int result = av_buffersink_get_frame(sink_, frame.get());
    if (result == AVERROR_EOF) return nullptr;
    check(result);
    return frame;
  }

 private:
  [[nodiscard]] AVFilterContext* filter(const char* name, const std::string& arguments) {
    const AVFilter* kind = avfilter_get_by_name(name);
    if (kind == nullptr) {
      raise(ErrorCode::unsupported, std::string("this FFmpeg lacks the filter '") + name + "'");
    }
    AVFilterContext* made = allocated(avfilter_graph_alloc_filter(graph_.get(), kind, name));
    silence(made);
    check(avfilter_init_str(made, arguments.c_str()));
    return made;
  }

  static void link(AVFilterContext* from, unsigned output, AVFilterContext* to, unsigned input) {
    check(avfilter_link(from, output, to, input));
  }

  static void check(int result) { ffmpeg_check(result, ErrorCode::internal, "GIF palette"); }

  GraphHandle graph_{allocated(avfilter_graph_alloc())};
  AVFilterContext* source_ = nullptr;  // owned by the graph, as all filters
  AVFilterContext* sink_ = nullptr;
  std::int64_t next_pts_ = 0;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
