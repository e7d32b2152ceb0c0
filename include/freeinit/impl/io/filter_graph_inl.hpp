#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
}

#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI::detail {

/// A graph of FFmpeg's filters from one source of frames to one sink. `what` opens its messages;
/// `failure` is their code where a filter takes no such frames.
class FilterGraph {
 public:
  FilterGraph(std::string what, ErrorCode failure) : what_(std::move(what)), failure_(failure) {}

  /// Throws Error: unsupported (this FFmpeg lacks the filter).
  AVFilterContext* add(const char* name, const std::string& arguments = {}) {
    const AVFilter* kind = avfilter_get_by_name(name);
    if (kind == nullptr) {
      raise(ErrorCode::unsupported, what_ + ": this FFmpeg lacks the filter '" + name + "'");
    }
    AVFilterContext* made = allocated(avfilter_graph_alloc_filter(graph_.get(), kind, name));
    silence(made);
    check(avfilter_init_str(made, arguments.c_str()));
    return made;
  }

  /// The filter that frames go in by. `arguments`: those of FFmpeg's `buffer`.
  AVFilterContext* add_source(const std::string& arguments) {
    return source_ = add("buffer", arguments);
  }

  void link(AVFilterContext* from, unsigned output, AVFilterContext* to, unsigned input) {
    check(avfilter_link(from, output, to, input));
  }

  /// Ends the graph with `last`.
  void configure(AVFilterContext* last) {
    sink_ = add("buffersink");
    link(last, 0, sink_, 0);
    check(avfilter_graph_config(graph_.get(), nullptr));
  }

  /// Takes the frame over; none ends the input.
  void push(AVFrame* frame) { check(av_buffersrc_add_frame(source_, frame)); }

  /// The next frame, none at the end.
  [[nodiscard]] FrameHandle pull() {
    FrameHandle frame(allocated(av_frame_alloc()));
    const int result = av_buffersink_get_frame(sink_, frame.get());
    if (result == AVERROR_EOF) return nullptr;
    check(result);
    return frame;
  }

 private:
  void check(int result) const { ffmpeg_check(result, failure_, what_); }

  std::string what_;
  ErrorCode failure_;
  GraphHandle graph_{allocated(avfilter_graph_alloc())};
  AVFilterContext* source_ = nullptr;  // owned by the graph, as all filters
  AVFilterContext* sink_ = nullptr;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
