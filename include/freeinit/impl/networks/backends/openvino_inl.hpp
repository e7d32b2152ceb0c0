#pragma once

// The only file that knows OpenVINO; empty where the build has none. What OpenVINO throws leaves
// here as freeinit::Error with one line, the original nested inside.

#ifdef FREEINIT_WITH_OPENVINO

#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/contract_inl.hpp>
#include <freeinit/impl/networks/library_error_inl.hpp>
#include <freeinit/impl/networks/only_owner_inl.hpp>
#include <freeinit/impl/networks/unet_call_inl.hpp>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <openvino/core/version.hpp>
#include <openvino/runtime/core.hpp>
#include <openvino/runtime/properties.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// OpenVINO's messages begin with source lines; what happened stands last.
FREEINIT_INLINE std::string last_line(std::string_view text) {
  const auto end = text.find_last_not_of(" \n");
  if (end == std::string_view::npos) return "no message";
  text = text.substr(0, end + 1);
  const auto start = text.rfind('\n');
  return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

[[noreturn]] FREEINIT_INLINE void rethrow_openvino(ErrorCode code, const std::string& what) {
  try {
    throw;
  } catch (const ov::Exception& error) {
    std::throw_with_nested(Error(code, what + ": " + last_line(error.what())));
  } catch (...) {
    rethrow_as_error(code, what);
  }
}

/// The memory of a contiguous float32 tensor, as OpenVINO sees it.
FREEINIT_INLINE ov::Tensor openvino_view(const at::Tensor& tensor) {
  return {ov::element::f32, ov::Shape(tensor.sizes().begin(), tensor.sizes().end()),
          tensor.data_ptr()};
}

/// The network compiled for one shape.
struct OpenVinoRequest {
  std::vector<std::vector<std::int64_t>> shapes;  ///< of the four inputs
  ov::InferRequest request;                       ///< keeps the compiled network alive
  at::Tensor output;                              ///< of the last call
};

/// Compiles for each shape it meets. OpenVINO could compile once for all of them, but that is
/// wrong: 2026.4's CPU plugin, having served one shape, returns noise at some others.
class OpenVinoUNet final : public VideoUNet {
 public:
  OpenVinoUNet(const NetworkSource& source, UNetSpec spec)
      : name_("network '" + source.file.string() + "'"), spec_(std::move(spec)) {
    read(source.file, source.contract);
  }

  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override {
    const c10::InferenceMode guard;
    return sample_by_sample(spec_, input, [this](const UNetInput& part) {
      auto inputs = inputs_(spec_, part);
      for (at::Tensor& tensor : inputs) tensor = tensor.contiguous();
      return run(inputs).to(part.latents.scalar_type());
    });
  }

  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override {
    check_unet_input(spec_, latents, text);
  }

 private:
  static constexpr std::array<const char*, 4> kInputs{"latents", "timestep", "text", "fps"};
  /// With and without guidance: an interval of guidance alternates between two batch sizes.
  static constexpr std::size_t kKeptShapes = 2;

  void read(const std::filesystem::path& file, const std::string& contract) {
    check_network_file(name_, file);
    // OpenVINO reads other formats, too, and what they refer to; a manifest answers for this one.
    if (file.extension() != ".xml") {
      raise(ErrorCode::invalid_file, name_ + ": expected OpenVINO's own format, NAME.xml");
    }
    try {
      model_ = core_.read_model(file.string());
      for (const char* input : kInputs) (void)model_->input(input);
    } catch (...) {
      rethrow_openvino(ErrorCode::invalid_file, name_ + ": not a readable OpenVINO UNet");
    }
    const bool has_contract = model_->has_rt_info("freeinit", "contract");
    check_contract(name_,
                   has_contract ? model_->get_rt_info<std::string>("freeinit", "contract") : "",
                   contract);
  }

  /// No copies: OpenVINO reads and writes LibTorch's memory, the last output's where the caller has
  /// let it go.
  at::Tensor run(const std::vector<at::Tensor>& inputs) const {
    const std::lock_guard lock(mutex_);
    at::Tensor output;
    ov::Shape returned;
    try {
      OpenVinoRequest& known = request_for(inputs);
      if (!may_write_again(known.output)) known.output = at::empty(inputs[0].sizes(), at::kFloat);
      output = known.output;
      ov::InferRequest& request = known.request;
      for (std::size_t i = 0; i < kInputs.size(); ++i) {
        request.set_tensor(kInputs[i], openvino_view(inputs[i]));
      }
      request.set_output_tensor(openvino_view(output));
      request.infer();
      returned = request.get_output_tensor().get_shape();
    } catch (...) {
      rethrow_openvino(ErrorCode::model, c10::str(name_, ": failed for latents ", inputs[0].sizes(),
                                                  " and text ", inputs[2].sizes()));
    }
    check_unet_output(name_, std::vector<std::int64_t>(returned.begin(), returned.end()),
                      output.sizes());
    return output;
  }

  [[nodiscard]] OpenVinoRequest& request_for(const std::vector<at::Tensor>& inputs) const {
    std::vector<std::vector<std::int64_t>> shapes;
    for (const at::Tensor& input : inputs) shapes.push_back(input.sizes().vec());
    const auto known = std::find_if(requests_.begin(), requests_.end(),
                                    [&](const auto& entry) { return entry.shapes == shapes; });
    if (known != requests_.end()) return *known;
    if (requests_.size() == kKeptShapes) requests_.pop_front();
    return requests_.emplace_back(OpenVinoRequest{shapes, compile(shapes), at::Tensor()});
  }

  /// float32 throughout, also on CPUs where OpenVINO would choose bfloat16, with LibTorch's
  /// threads.
  [[nodiscard]] ov::InferRequest compile(
      const std::vector<std::vector<std::int64_t>>& shapes) const {
    const auto model = model_->clone();
    std::map<std::string, ov::PartialShape> fixed;
    for (std::size_t i = 0; i < kInputs.size(); ++i) {
      fixed[kInputs[i]] = ov::Shape(shapes[i].begin(), shapes[i].end());
    }
    model->reshape(fixed);
    auto compiled =
        core_.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32),
                            ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                            ov::inference_num_threads(at::get_num_threads()));
    return compiled.create_infer_request();
  }

  std::string name_;
  UNetSpec spec_;
  UNetInputs inputs_{at::kCPU, at::kFloat};
  mutable ov::Core core_;
  std::shared_ptr<ov::Model> model_;
  mutable std::mutex mutex_;  ///< a request serves one call at a time
  mutable std::deque<OpenVinoRequest> requests_;
};

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_openvino_unet(const NetworkSource& source,
                                                                    const UNetSpec& spec) {
  return std::make_unique<const OpenVinoUNet>(source, spec);
}

FREEINIT_INLINE std::string version_of_openvino() {
  return ov::get_openvino_version().buildNumber;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
