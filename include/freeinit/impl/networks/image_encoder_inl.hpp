#pragma once

#include <freeinit/impl/networks/torchscript_module_inl.hpp>
#include <freeinit/impl/tensors/frames_check_inl.hpp>
#include <freeinit/networks/image_encoder.hpp>
#include <freeinit/tensors/resize.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

class TorchScriptImageEncoder final : public ImageEncoder {
 public:
  TorchScriptImageEncoder(TorchScriptModule network, ImageEncoderSpec spec)
      : network_(std::move(network)), spec_(std::move(spec)) {}

  [[nodiscard]] at::Tensor encode(const at::Tensor& images) const override {
    const at::Tensor features = network_({images.to(network_.device(), network_.dtype())});
    const std::int64_t count = features.dim() > 0 ? features.size(0) : 0;
    // A pooled map [N,D,1,1] is as good as [N,D]; anything else is not one vector an image.
    if (features.dim() < 2 || count != images.size(0) ||
        features.numel() != count * features.size(1)) {
      raise(ErrorCode::model,
            c10::str(network_.name(), ": forward returned ", features.sizes(), " for ",
                     images.size(0), " images; expected [", images.size(0), ", features]"));
    }
    if (!at::isfinite(features).all().item<bool>()) {
      raise(ErrorCode::model,
            c10::str(network_.name(), ": forward returned NaN or infinite values"));
    }
    return features.reshape({count, -1}).to(at::kCPU, at::kFloat);
  }

  [[nodiscard]] const ImageEncoderSpec& spec() const noexcept override { return spec_; }

 private:
  TorchScriptModule network_;
  ImageEncoderSpec spec_;
};

/// The extra file `freeinit.json` of a TorchScript archive, empty when there is none. The network
/// is not built for it.
FREEINIT_INLINE std::string contract_in(const std::filesystem::path& file) {
  const std::string name = "network " + quote(file.string());
  check_network_file(name, file);
  try {
    caffe2::serialize::PyTorchStreamReader archive(file.string());
    constexpr const char* kContract = "extra/freeinit.json";
    return archive.hasRecord(kContract) ? read_part(archive, name, kContract) : std::string();
  } catch (...) {
    rethrow_as_error(ErrorCode::invalid_file, name + ": not a readable TorchScript file");
  }
}

/// [1,3,1,1] float32.
FREEINIT_INLINE at::Tensor channel_tensor(const std::array<double, 3>& values) {
  return at::tensor(values, at::kFloat).reshape({1, 3, 1, 1});
}

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const ImageEncoder> load_torchscript_image_encoder(
    const std::filesystem::path& file, at::Device device, const RunControl& control,
    const std::set<std::string>& allow_operators) {
  const std::string contract = detail::contract_in(file);
  ImageEncoderSpec spec;
  if (contract.empty()) {
    control.message(LogLevel::warning, "network '" + file.string() +
                                           "': does not say how images are prepared; taken as "
                                           "DINO's (256, middle 224x224, ImageNet's mean)");
  } else {
    spec = parse_image_encoder_spec(contract, "network '" + file.string() + "'");
  }
  detail::TorchScriptModule network({.source = {.file = file,
                                                .contract = contract,
                                                .device = device,
                                                .allow_operators = allow_operators},
                                     .inputs = {"images"},
                                     .dtype = spec.dtype});
  return std::make_unique<const detail::TorchScriptImageEncoder>(std::move(network),
                                                                 std::move(spec));
}

FREEINIT_INLINE at::Tensor preprocess_images(const at::Tensor& frames,
                                             const ImageEncoderSpec& spec) {
  detail::check_frames("pictures", frames);
  const std::int64_t height = frames.size(1);
  const std::int64_t width = frames.size(2);
  const std::int64_t shorter = std::min(height, width);
  const auto interpolation =
      spec.interpolation == "bilinear" ? Interpolation::bilinear : Interpolation::bicubic;
  // The longer side is cut to a whole number, as torchvision's Resize does.
  const auto resized = [&](std::int64_t size) { return size * spec.resize / shorter; };
  const ImageSize size{resized(height), resized(width)};
  const ImageSize crop = spec.crop > 0 ? ImageSize{spec.crop, spec.crop} : size;
  return resize_and_crop(frames.permute({0, 3, 1, 2}), size, crop, interpolation, spec.antialias)
      .to(at::kFloat)
      .div(255.0)
      .sub(detail::channel_tensor(spec.mean))
      .div(detail::channel_tensor(spec.std))
      .contiguous();
}

FREEINIT_INLINE at::Tensor image_features(const ImageEncoder& encoder, const at::Tensor& frames,
                                          std::int64_t chunk_size, const RunControl& control) {
  detail::check_frames("pictures", frames);
  if (chunk_size < 1) {
    raise(ErrorCode::invalid_argument,
          c10::str("chunk size ", chunk_size, ": expected 1 or more frames"));
  }
  std::vector<at::Tensor> parts;
  const std::int64_t num_frames = frames.size(0);
  for (std::int64_t first = 0; first < num_frames; first += chunk_size) {
    if (control.stop.stop_requested()) raise(ErrorCode::cancelled, "features: stopped");
    const std::int64_t count = std::min(chunk_size, num_frames - first);
    const at::Tensor images = preprocess_images(frames.narrow(0, first, count), encoder.spec());
    parts.push_back(encoder.encode(images));
    control.report({.phase = Phase::encode,
                    .step = static_cast<int>(first + count),
                    .num_steps = static_cast<int>(num_frames)});
  }
  return at::cat(parts);
}

}  // namespace freeinit::inline FREEINIT_ABI
