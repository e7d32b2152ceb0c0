#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/io/video_file.hpp>
#include <freeinit/options/free_init_options.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// The frames of a video file as a tensor.
struct VideoFrames {
  at::Tensor frames;           ///< [F,H,W,3] uint8, CPU
  double fps = 0.0;            ///< of the file; 0 when it does not say
  bool cut = false;            ///< the file holds more of the wanted frames
  bool damaged = false;        ///< as DecodedVideo::damaged
  bool variable_rate = false;  ///< as DecodedVideo::variable_rate
  std::string converted_from;  ///< as DecodedVideo::converted_from
};

/// Decodes the wanted frames. Throws Error: as `read_video`.
[[nodiscard]] FREEINIT_API VideoFrames load_video_frames(const std::filesystem::path& path,
                                                         const FrameSelection& selection);

/// Floating point frames of any shape, 0..1, as bytes (uint8): rounded as diffusers does, or cut as
/// the authors' code does. Others come back as they are.
[[nodiscard]] FREEINIT_API at::Tensor frame_bytes(const at::Tensor& frames,
                                                  Profile profile = Profile::diffusers);

/// Writes frames [F,H,W,3] to a video file or a folder of PNG frames (see `VideoWriter`), which
/// appears whole or not at all: uint8, or floating point values in 0..1, which become
/// `frame_bytes`. Replaces what is there. Throws Error: invalid_argument (shape, dtype, rate,
/// size), io.
FREEINIT_API void save_video_frames(const std::filesystem::path& path, const at::Tensor& frames,
                                    double fps);

/// Fits frames [F,H,W,3] (uint8) to another size without distortion: resized (bilinear,
/// antialiased) until they just cover height x width, then the middle is cut out. Returns
/// [F,height,width,3] uint8. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API at::Tensor fit_frames(const at::Tensor& frames, std::int64_t height,
                                                 std::int64_t width);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/tensors/video_frames_inl.hpp>
#endif
