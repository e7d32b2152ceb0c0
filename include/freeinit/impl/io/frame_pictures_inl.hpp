#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/io/png_encoder_inl.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/video_file.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// sRGB's curve (IEC 61966-2-1): what a display makes of a number, as OpenEXR holds it.
FREEINIT_INLINE float linear_light(float value) {
  return value <= 0.04045F ? value / 12.92F : std::pow((value + 0.055F) / 1.055F, 2.4F);
}

/// `rgb`: height * width * 3 numbers.
FREEINIT_INLINE FrameHandle linear_frame(std::span<const float> rgb, int width, int height) {
  FrameHandle frame = make_frame(width, height, AV_PIX_FMT_GBRPF32LE);
  constexpr std::array<std::size_t, 3> kPlanes{2, 0, 1};  // of red, green, blue
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (int y = 0; y < height; ++y) {
      std::uint8_t* row =
          frame->data[kPlanes[channel]] + std::ptrdiff_t(y) * frame->linesize[kPlanes[channel]];
      for (int x = 0; x < width; ++x) {
        const float value =
            linear_light(rgb[(std::size_t(y) * std::size_t(width) + std::size_t(x)) * 3 + channel]);
        std::memcpy(row + std::ptrdiff_t(x) * 4, &value, 4);
      }
    }
  }
  return frame;
}

FREEINIT_INLINE FrameHandle sixteen_bit_frame(std::span<const float> rgb, int width, int height) {
  FrameHandle frame = make_frame(width, height, AV_PIX_FMT_RGB48BE);
  const std::size_t row_values = std::size_t(width) * 3;
  for (int y = 0; y < height; ++y) {
    std::uint8_t* row = frame->data[0] + std::ptrdiff_t(y) * frame->linesize[0];
    for (std::size_t i = 0; i < row_values; ++i) {
      const float value = rgb[std::size_t(y) * row_values + i];
      const auto level =
          static_cast<std::uint32_t>(std::lround(std::clamp(value, 0.0F, 1.0F) * 65535.0F));
      *row++ = static_cast<std::uint8_t>(level >> 8);
      *row++ = static_cast<std::uint8_t>(level & 255);
    }
  }
  return frame;
}

FREEINIT_INLINE bool names_exr(const std::filesystem::path& pattern) {
  return pattern.extension() == ".exr";
}

}  // namespace detail

FREEINIT_INLINE bool is_picture_pattern(const std::filesystem::path& path) {
  return path.filename() == "frame_%05d.png" || path.filename() == "frame_%05d.exr";
}

FREEINIT_INLINE void check_picture_pattern(const std::filesystem::path& pattern) {
  if (!is_picture_pattern(pattern) || !pattern.has_parent_path()) {
    raise(ErrorCode::invalid_argument,
          concat("pictures ", quote(pattern.string()),
                 ": expected a folder of their own, DIR/frame_%05d.png or DIR/frame_%05d.exr"));
  }
  static_cast<void>(detail::find_encoder(detail::names_exr(pattern) ? "exr" : "png"));
}

struct PictureWriter::Impl {
  Impl(const std::filesystem::path& wanted, std::int64_t of_width, std::int64_t of_height)
      : pattern(wanted),
        width(static_cast<int>(of_width)),
        height(static_cast<int>(of_height)),
        output(wanted.parent_path() / "", OutputKind::folder) {
    std::filesystem::create_directory(output.temporary());
  }

  std::filesystem::path pattern;
  int width, height;
  OutputFile output;
  std::int64_t count = 0;
};

FREEINIT_INLINE PictureWriter::PictureWriter(const std::filesystem::path& pattern,
                                             std::int64_t width, std::int64_t height) {
  check_picture_pattern(pattern);
  detail::check_picture_size(width, height);
  impl_ = std::make_unique<Impl>(pattern, width, height);
}

FREEINIT_INLINE PictureWriter::~PictureWriter() = default;

FREEINIT_INLINE void PictureWriter::add_frame(std::span<const float> rgb) {
  const auto expected = std::size_t(impl_->width) * std::size_t(impl_->height) * 3;
  if (rgb.size() != expected) {
    raise(ErrorCode::invalid_argument,
          concat("picture of ", rgb.size(), " numbers: expected ", expected));
  }
  const bool exr = detail::names_exr(impl_->pattern);
  const auto path =
      impl_->output.temporary() / detail::frame_name(impl_->count++, exr ? "exr" : "png");
  const detail::FrameHandle frame =
      exr ? detail::linear_frame(rgb, impl_->width, impl_->height)
          : detail::sixteen_bit_frame(rgb, impl_->width, impl_->height);
  const std::string what = "picture '" + path.string() + "'";
  std::ofstream stream(path, std::ios::binary);
  stream << detail::encode_picture(exr ? "exr" : "png", *frame, what);
  stream.close();
  if (!stream) raise(ErrorCode::io, what + ": writing failed");
}

FREEINIT_INLINE void PictureWriter::finish() {
  impl_->output.commit();
}

}  // namespace freeinit::inline FREEINIT_ABI
