#pragma once

#include <freeinit/bundle/image_encoder_spec.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// A network that turns an image into a feature vector.
class FREEINIT_API ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;

  /// `images` [N,3,h,w], prepared as the spec says -> features [N,D] float32 on the CPU. Throws
  /// Error: model.
  [[nodiscard]] virtual at::Tensor encode(const at::Tensor& images) const = 0;

  /// How its images are prepared.
  [[nodiscard]] virtual const ImageEncoderSpec& spec() const noexcept = 0;
};

/// Loads any TorchScript network `forward(images[N,3,h,w]) -> [N,D]`. Its extra file
/// `freeinit.json` holds the spec (`freeinit-export features` writes it); without one the defaults
/// of ImageEncoderSpec are taken, and `control` is told so. Throws Error: not_found, invalid_file,
/// unsupported (device; operators that are not in `allow_operators`, as in NetworkSource), model
/// (out of memory).
[[nodiscard]] FREEINIT_API std::unique_ptr<const ImageEncoder> load_torchscript_image_encoder(
    const std::filesystem::path& file, at::Device device = at::kCPU, const RunControl& control = {},
    const std::set<std::string>& allow_operators = {});

/// Frames [F,H,W,3] uint8 as the encoder wants them, [F,3,h,w] float32: resized as bytes like
/// Pillow, cut, scaled to 0..1, normalised; what timm's and torchvision's transforms do. Throws
/// Error: invalid_argument (too small for the cut).
[[nodiscard]] FREEINIT_API at::Tensor preprocess_images(const at::Tensor& frames,
                                                        const ImageEncoderSpec& spec);

/// Features [F,D] of frames [F,H,W,3] uint8, `chunk_size` frames at a time. Reports Phase::encode.
/// Throws Error: invalid_argument, model, cancelled.
[[nodiscard]] FREEINIT_API at::Tensor image_features(const ImageEncoder& encoder,
                                                     const at::Tensor& frames,
                                                     std::int64_t chunk_size = 16,
                                                     const RunControl& control = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/image_encoder_inl.hpp>
#endif
