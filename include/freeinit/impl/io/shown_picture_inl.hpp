#pragma once

#include <freeinit/impl/io/filter_graph_inl.hpp>
#include <freeinit/impl/io/pixel_converter_inl.hpp>

extern "C" {
#include <libavutil/display.h>
}

#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

inline constexpr std::int64_t kMaxPixels = std::int64_t{8192} * 8192;

/// What has to be done to a stored picture before it looks as players show it.
struct ShownForm {
  std::string turn;        ///< filters of FFmpeg that turn or mirror it, by commas
  std::string colours;     ///< "HLG", "PQ" or "BT.2020" where it is not BT.709 or near it
  AVRational shape{1, 1};  ///< of a stored pixel: width to height

  [[nodiscard]] bool as_stored() const {
    return turn.empty() && colours.empty() && shape.num == shape.den;
  }
};

/// The filters for a display matrix that maps (x, y) to (a x + c y, b x + d y), for its eight
/// orientations. Other angles are left alone, as players do.
FREEINIT_INLINE std::string turn_of(const std::int32_t* matrix) {
  if (matrix == nullptr) return {};
  const double a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  constexpr double kNearly = 0.02;  // of the other axis: one degree
  const auto flips = [](bool horizontal, bool vertical) {
    return std::string(horizontal ? (vertical ? "hflip,vflip" : "hflip") : vertical ? "vflip" : "");
  };
  if (std::abs(b) + std::abs(c) <= kNearly * (std::abs(a) + std::abs(d))) {
    return flips(a < 0, d < 0);
  }
  if (std::abs(a) + std::abs(d) > kNearly * (std::abs(b) + std::abs(c))) return {};
  if (c < 0) return b < 0 ? "transpose=clock_flip" : "transpose=clock";
  return b < 0 ? "transpose=cclock" : "transpose=cclock_flip";
}

/// The orientation of the frame, or where it is silent of its stream.
FREEINIT_INLINE const std::int32_t* display_matrix(const AVStream& stream, const AVFrame& frame) {
  const AVFrameSideData* of_frame = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  if (of_frame != nullptr) return reinterpret_cast<const std::int32_t*>(of_frame->data);
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  const AVPacketSideData* data =
      av_packet_side_data_get(stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data,
                              AV_PKT_DATA_DISPLAYMATRIX);
  return data == nullptr ? nullptr : reinterpret_cast<const std::int32_t*>(data->data);
#else
  return reinterpret_cast<const std::int32_t*>(
      av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr));
#endif
}

/// The colours of a frame by name where SDR screens would show them pale.
FREEINIT_INLINE std::string wide_colours(const AVFrame& frame) {
  if (frame.color_trc == AVCOL_TRC_ARIB_STD_B67) return "HLG";
  if (frame.color_trc == AVCOL_TRC_SMPTE2084) return "PQ";
  return frame.color_primaries == AVCOL_PRI_BT2020 ? "BT.2020" : "";
}

/// Turns, tone-maps and stretches frames of one kind. What is needed for it are filters of FFmpeg
/// with the names that its command has for them, so that the pixels are those of the command.
class ShownPicture {
 public:
  explicit ShownPicture(std::string what) : what_(std::move(what)) {}

  /// `frame` as it is shown: RGB, or the frame itself where it is shown as stored. `shape`: of its
  /// pixels. Throws Error: unsupported, invalid_file.
  [[nodiscard]] FrameHandle show(const AVStream& stream, const AVFrame& frame, AVRational shape) {
    FrameHandle shown(allocated(av_frame_clone(&frame)));
    const std::int32_t* matrix = display_matrix(stream, frame);
    if (matrix != nullptr) turn_ = turn_of(matrix);  // only the first frame may carry it
    const bool known_shape = shape.num > 0 && shape.den > 0;
    const ShownForm form{turn_, wide_colours(frame), known_shape ? shape : AVRational{1, 1}};
    if (form.as_stored()) return shown;
    colours_ = form.colours;
    name_colours(*shown, form);
    prepare(*shown, form);
    graph_->push(shown.get());
    return graph_->pull();
  }

  /// As ShownForm::colours, of the last frame.
  [[nodiscard]] const std::string& colours() const { return colours_; }

 private:
  /// The filters refuse to guess.
  static void name_colours(AVFrame& frame, const ShownForm& form) {
    const AVPixFmtDescriptor* format =
        av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
    const bool rgb = format != nullptr && (format->flags & AV_PIX_FMT_FLAG_RGB) != 0;
    if (rgb) {
      frame.colorspace = AVCOL_SPC_RGB;
    } else if (frame.colorspace == AVCOL_SPC_UNSPECIFIED) {
      const bool hd = matrix_of(frame) == SWS_CS_ITU709;
      frame.colorspace = !form.colours.empty() ? AVCOL_SPC_BT2020_NCL
                         : hd                  ? AVCOL_SPC_BT709
                                               : AVCOL_SPC_SMPTE170M;
    }
    if (form.colours.empty()) return;
    if (frame.color_range == AVCOL_RANGE_UNSPECIFIED) {
      frame.color_range = rgb || is_full_range(frame) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    }
    if (frame.color_primaries == AVCOL_PRI_UNSPECIFIED) frame.color_primaries = AVCOL_PRI_BT2020;
    if (frame.color_trc == AVCOL_TRC_UNSPECIFIED) frame.color_trc = AVCOL_TRC_BT709;
  }

  void prepare(const AVFrame& frame, const ShownForm& form) {
    auto kind = std::tuple(frame.width, frame.height, frame.format, form.turn, form.colours,
                           form.shape.num, form.shape.den);
    if (graph_ && kind == kind_) return;
    graph_.emplace(what_ + ": its pictures cannot be turned or converted", ErrorCode::invalid_file);
    last_ = graph_->add_source("video_size=" + std::to_string(frame.width) + "x" +
                               std::to_string(frame.height) +
                               ":pix_fmt=" + std::to_string(frame.format) + ":time_base=1/1");
    for (std::size_t at = 0; at < form.turn.size();) {
      const std::size_t end = std::min(form.turn.find(',', at), form.turn.size());
      append(form.turn.substr(at, end - at));
      at = end + 1;
    }
    map_tones(form.colours);
    stretch(frame, form);
    graph_->configure(last_);
    kind_ = std::move(kind);
  }

  /// To BT.709 at its reference white, 203 cd/m2 (BT.2408). Of brighter light the hue stays.
  void map_tones(const std::string& colours) {
    if (colours.empty()) return;
    append("zscale=t=linear:npl=203");
    append("format=gbrpf32le");
    append("zscale=p=bt709");
    if (colours != "BT.2020") append("tonemap=mobius:param=0.7:desat=0");
    append("zscale=t=bt709");
    append("format=gbrp");
  }

  /// To square pixels of RGB: the width follows the shape.
  void stretch(const AVFrame& frame, const ShownForm& form) {
    const bool lying = form.turn.starts_with("transpose");
    const double ratio = lying ? double(form.shape.den) / form.shape.num : av_q2d(form.shape);
    const int width = lying ? frame.height : frame.width;
    const int height = lying ? frame.width : frame.height;
    const double wide = std::max(1.0, std::round(width * ratio));
    if (wide * height > double(kMaxPixels)) {
      raise(ErrorCode::invalid_file, what_ + ": its pixels are " + std::to_string(form.shape.num) +
                                         ":" + std::to_string(form.shape.den) +
                                         " wide; expected a picture of 64 million pixels");
    }
    append("scale=w=" + std::to_string(std::int64_t(wide)) + ":h=" + std::to_string(height) +
           ":flags=bicubic+full_chroma_int+full_chroma_inp+accurate_rnd");
    append("format=rgb24");
  }

  /// `text`: NAME or NAME=ARGUMENTS.
  void append(const std::string& text) {
    const std::size_t sign = std::min(text.find('='), text.size());
    AVFilterContext* next =
        graph_->add(text.substr(0, sign).c_str(), sign < text.size() ? text.substr(sign + 1) : "");
    graph_->link(last_, 0, next, 0);
    last_ = next;
  }

  std::string what_;
  std::string turn_;
  std::string colours_;
  std::tuple<int, int, int, std::string, std::string, int, int> kind_;
  std::optional<FilterGraph> graph_;
  AVFilterContext* last_ = nullptr;  // owned by the graph
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
