#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Exact rather than fast: colours of small, flat pictures show every shortcut.
inline constexpr int kScalerFlags =
    SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND;

/// The deprecated "J" formats as their plain twins, which carry the full range separately.
FREEINIT_INLINE AVPixelFormat plain_format(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    default:
      return format;
  }
}

/// The colour matrix of a frame; where the file is silent, BT.709 from HD sizes on and BT.601
/// below, as players do.
FREEINIT_INLINE int matrix_of(const AVFrame& frame) {
  switch (frame.colorspace) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
      return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      return frame.width >= 1280 || frame.height > 576 ? SWS_CS_ITU709 : SWS_CS_ITU601;
  }
}

FREEINIT_INLINE bool is_full_range(const AVFrame& frame) {
  const auto format = static_cast<AVPixelFormat>(frame.format);
  return plain_format(format) != format || frame.color_range == AVCOL_RANGE_JPEG;
}

FREEINIT_INLINE bool is_yuv(AVPixelFormat format) {
  const AVPixFmtDescriptor& described = *av_pix_fmt_desc_get(format);
  return (described.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) == 0;
}

/// A converter between two formats of one size; `nullptr` if libswscale cannot.
FREEINIT_INLINE ScalerHandle make_scaler(int width, int height, AVPixelFormat from,
                                         AVPixelFormat to) {
  return ScalerHandle(sws_getContext(width, height, from, width, height, to, kScalerFlags, nullptr,
                                     nullptr, nullptr));
}

/// A frame of our own with room for its pixels.
FREEINIT_INLINE FrameHandle make_frame(int width, int height, AVPixelFormat format) {
  FrameHandle frame(allocated(av_frame_alloc()));
  frame->width = width;
  frame->height = height;
  frame->format = format;
  if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
  return frame;
}

/// Packed RGB bytes of one size into frames of another format, YUV as BT.709 in the limited range.
/// A frame wider or higher than the bytes repeats their last column and row.
class RgbToFrame {
 public:
  RgbToFrame(int width, int height, int padded_width, int padded_height, AVPixelFormat format)
      : width_(width),
        height_(height),
        format_(format),
        rgb_(make_frame(padded_width, padded_height, AV_PIX_FMT_RGB24)),
        scaler_(make_scaler(padded_width, padded_height, AV_PIX_FMT_RGB24, format)) {
    if (!scaler_) raise(ErrorCode::unsupported, "this FFmpeg cannot convert RGB for the encoder");
    const int* matrix = sws_getCoefficients(SWS_CS_ITU709);
    sws_setColorspaceDetails(scaler_.get(), matrix, 1, matrix, 0, 0, 1 << 16, 1 << 16);
  }

  [[nodiscard]] FrameHandle convert(std::span<const std::uint8_t> rgb) {
    fill(rgb);
    FrameHandle frame = make_frame(rgb_->width, rgb_->height, format_);
    sws_scale(scaler_.get(), rgb_->data, rgb_->linesize, 0, rgb_->height, frame->data,
              frame->linesize);
    return frame;
  }

 private:
  void fill(std::span<const std::uint8_t> rgb) {
    for (int y = 0; y < rgb_->height; ++y) {
      const std::uint8_t* source = &rgb[std::size_t(std::min(y, height_ - 1)) * width_ * 3];
      std::uint8_t* target = rgb_->data[0] + std::ptrdiff_t(y) * rgb_->linesize[0];
      target = std::copy_n(source, std::size_t(width_) * 3, target);
      for (int x = width_; x < rgb_->width; ++x) {
        target = std::copy_n(source + std::size_t(width_ - 1) * 3, 3, target);
      }
    }
  }

  int width_;
  int height_;
  AVPixelFormat format_;
  FrameHandle rgb_;
  ScalerHandle scaler_;
};

/// Decoded frames of any format into packed RGB bytes, by the colour matrix and range they name.
class FrameToRgb {
 public:
  /// Appends height * width * 3 bytes. False if libswscale cannot convert the format.
  [[nodiscard]] bool append(const AVFrame& frame, std::vector<std::uint8_t>& rgb) {
    const AVPixelFormat format = plain_format(static_cast<AVPixelFormat>(frame.format));
    if (!prepare(frame, format)) return false;
    sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, rgb_->data,
              rgb_->linesize);
    const std::size_t row_bytes = std::size_t(frame.width) * 3;
    for (int y = 0; y < frame.height; ++y) {
      const std::uint8_t* row = rgb_->data[0] + std::ptrdiff_t(y) * rgb_->linesize[0];
      rgb.insert(rgb.end(), row, row + row_bytes);
    }
    return true;
  }

 private:
  [[nodiscard]] bool prepare(const AVFrame& frame, AVPixelFormat format) {
    if (scaler_ && format == format_) return true;
    if (sws_isSupportedInput(format) == 0) return false;
    scaler_ = make_scaler(frame.width, frame.height, format, AV_PIX_FMT_RGB24);
    if (!scaler_) return false;
    const int* matrix = sws_getCoefficients(matrix_of(frame));
    sws_setColorspaceDetails(scaler_.get(), matrix, is_full_range(frame) ? 1 : 0, matrix, 1, 0,
                             1 << 16, 1 << 16);
    rgb_ = make_frame(frame.width, frame.height, AV_PIX_FMT_RGB24);
    format_ = format;
    return true;
  }

  AVPixelFormat format_ = AV_PIX_FMT_NONE;
  ScalerHandle scaler_;
  FrameHandle rgb_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
