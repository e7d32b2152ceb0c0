#pragma once

#include <freeinit/core/config.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// What an image encoder expects. The defaults are DINO's evaluation transform: shorter side to 256
/// (bicubic), the middle 224x224, ImageNet's mean and deviation. `docs/bundle.md` shows the JSON.
struct ImageEncoderSpec {
  std::string name;               ///< of the model; a label
  std::string dtype = "float32";  ///< in which the graph was traced
  std::int64_t resize = 256;      ///< length of the shorter side; the other one keeps the aspect
  std::int64_t crop = 224;        ///< side of the square cut out of the middle; 0: no cut
  std::string interpolation = "bicubic";  ///< or "bilinear"
  bool antialias = true;  ///< a larger picture is averaged, as PIL and torchvision do
  std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< of R, G, B in 0..1
  /// Of R, G, B in 0..1; values are (x - mean) / std.
  std::array<double, 3> std{0.229, 0.224, 0.225};
};

/// Parses the JSON text of a spec (`kind` "image_encoder", keys as the members); `origin` names it
/// in messages. Throws Error: invalid_file.
[[nodiscard]] FREEINIT_API ImageEncoderSpec parse_image_encoder_spec(const std::string& json,
                                                                     const std::string& origin);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/bundle/image_encoder_spec_inl.hpp>
#endif
