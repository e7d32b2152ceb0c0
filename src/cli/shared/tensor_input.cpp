#include "shared/tensor_input.hpp"

#include "shared/comfy_latents.hpp"
#include "shared/output_files.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/safetensors.hpp>
#include <freeinit/pipeline/checkpoint_folder.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/isfinite.h>

#include <filesystem>
#include <vector>

namespace freeinit_cli {
namespace {

/// The two parts of `FILE:NAME`. A file that has the whole text as its name comes first.
struct TensorPlace {
  explicit TensorPlace(const std::string& file) : path(file) {
    const std::size_t colon = file.rfind(':');
    std::error_code ignored;
    if (colon == std::string::npos || std::filesystem::exists(path, ignored)) return;
    path = file.substr(0, colon);
    name = file.substr(colon + 1);
  }

  std::filesystem::path path;
  std::string name;
};

[[noreturn]] void refuse_file(freeinit::ErrorCode code, const std::string& file,
                              const std::string& reason) {
  freeinit::raise(code, "tensor of '" + file + "': " + reason);
}

bool is_npy(const std::filesystem::path& path) {
  return path.extension() == ".npy";
}

/// The place with a name: the only tensor's that is not empty, where none was given.
TensorPlace named_place(const std::string& file) {
  TensorPlace place(file);
  if (names_video_file(place.path)) {
    refuse_file(freeinit::ErrorCode::invalid_file, file,
                "is a video; expected a file .safetensors or .npy");
  }
  if (freeinit::CheckpointFolder::holds_run(place.path)) {
    refuse_file(freeinit::ErrorCode::invalid_argument, file,
                "is the folder of a run; expected the latents of a video in it, '" +
                    (place.path / "video_0.safetensors").string() + ":latents'");
  }
  if (!place.name.empty() || is_npy(place.path)) return place;
  std::vector<std::string> names;
  const freeinit::SafetensorsReader reader(place.path);
  if (reader.tensors().empty()) {
    refuse_file(freeinit::ErrorCode::not_found, file, "the file holds no tensor");
  }
  for (const auto& [name, entry] : reader.tensors()) {
    if (entry.begin != entry.end) names.push_back(name);
  }
  if (names.size() < 2) {
    if (!names.empty()) place.name = names.front();
    return place;
  }
  std::string known;
  for (const auto& name : names) known += (known.empty() ? "" : ", ") + name;
  refuse_file(freeinit::ErrorCode::invalid_argument, file,
              "the file holds " + std::to_string(names.size()) +
                  " tensors; expected one by name, '" + file +
                  ":NAME', out of: " + freeinit::excerpt(known));
}

std::string shape_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) {
    text += (text.empty() ? "" : ",") + std::to_string(size);
  }
  return "[" + text + "]";
}

}  // namespace

bool names_tensor_file(const std::string& file) {
  const auto extension = TensorPlace(file).path.extension();
  return extension == ".safetensors" || extension == ".latent" || extension == ".npy";
}

std::map<std::string, std::string> read_tensor_metadata(const std::string& file) {
  const auto path = TensorPlace(file).path;
  if (is_npy(path)) return {};  // has none
  return freeinit::SafetensorsReader(path).metadata();
}

at::Tensor read_tensor(const std::string& file) {
  const TensorPlace place = named_place(file);
  return freeinit::load_tensor(place.path, place.name);
}

void check_values(const at::Tensor& tensor, const std::string& file) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
    case at::kHalf:
    case at::kBFloat16:
    case at::kDouble:
      break;
    default:
      refuse_file(freeinit::ErrorCode::unsupported, file,
                  std::string("dtype '") + c10::toString(tensor.scalar_type()) +
                      "' is not read here; expected F32, F16, BF16 or F64");
  }
  if (tensor.numel() == 0) refuse_file(freeinit::ErrorCode::invalid_argument, file, "is empty");
  if (!at::isfinite(tensor).all().item<bool>()) {
    refuse_file(freeinit::ErrorCode::invalid_file, file, "holds NaN or infinite values");
  }
}

at::Tensor read_latents(const std::string& file, const LatentForm& form) {
  const TensorPlace place = named_place(file);
  at::Tensor tensor = freeinit::load_tensor(place.path, place.name);
  check_values(tensor, file);
  const bool comfy = place.name == comfy::kTensor;
  if (tensor.dim() == 5 && !comfy) return tensor;
  const bool frames_first = tensor.dim() == 4 && tensor.size(1) == form.channels;
  const bool channels_first = tensor.dim() == 4 && tensor.size(0) == form.channels;
  if (comfy ? !frames_first : frames_first == channels_first) {
    const std::string channels = std::to_string(form.channels);
    refuse_file(freeinit::ErrorCode::invalid_argument, file,
                "has the shape " + shape_text(tensor) +
                    "; expected latents [B,C,F,h,w], or [C,F,h,w] " + "or [F,C,h,w] with C " +
                    channels + " and F another number");
  }
  if (frames_first) tensor = tensor.transpose(0, 1);
  if (comfy) {
    const freeinit::SafetensorsReader reader(place.path);
    const double stored_scale = reader.tensors().contains(comfy::kMarker) ? 1.0 : comfy::kScale;
    if (stored_scale != form.scaling_factor) {
      tensor = tensor.to(at::kFloat).mul(form.scaling_factor / stored_scale);
    }
  }
  return tensor.unsqueeze(0).contiguous();
}

}  // namespace freeinit_cli
