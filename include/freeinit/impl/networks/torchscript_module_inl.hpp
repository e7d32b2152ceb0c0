#pragma once

// A network in TorchScript. Everything LibTorch throws while it is loaded or run leaves here as
// freeinit::Error. `inline` in both modes: the units of several backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/contract_inl.hpp>
#include <freeinit/impl/networks/library_error_inl.hpp>
#include <freeinit/impl/networks/operator_check_inl.hpp>
#include <freeinit/impl/networks/widening_inl.hpp>
#include <freeinit/networks/device.hpp>
#include <freeinit/networks/dtype.hpp>
#include <freeinit/networks/network_source.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/StringUtil.h>
#include <torch/csrc/jit/api/module.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// What to load, and what it must be.
struct TorchScriptRequest {
  NetworkSource source;
  std::vector<std::string_view> inputs;  ///< meaning of forward's arguments after self
  std::string dtype;                     ///< in which the graph was traced
};

/// A loaded network: `forward`, tensors in and one tensor out, and what else the file defines.
/// Immutable and safe to call from several threads.
class TorchScriptModule {
 public:
  /// Throws Error: not_found, invalid_file, unsupported (dtype, device), model (out of memory).
  explicit TorchScriptModule(const TorchScriptRequest& request);

  /// Runs the network without autograd. The result is an inference tensor: use it in new tensors,
  /// do not change it in place. Throws Error: model.
  [[nodiscard]] at::Tensor operator()(std::vector<at::Tensor> inputs) const;

  /// The same for another method, which returns one tensor or a tuple of tensors. Throws Error:
  /// model.
  [[nodiscard]] std::vector<at::Tensor> call(const std::string& method,
                                             std::vector<at::Tensor> inputs) const;

  [[nodiscard]] bool has_method(const std::string& method) const {
    return module_.find_method(method).has_value();
  }
  [[nodiscard]] at::Device device() const noexcept { return device_; }
  [[nodiscard]] at::ScalarType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  void check_forward(const std::vector<std::string_view>& inputs) const;
  [[nodiscard]] bool widens_weights() const;
  void widen_parameters(const WeightSet& narrow);

  std::string name_;
  at::Device device_;
  at::ScalarType dtype_;
  torch::jit::Module module_;
};

inline TorchScriptModule::TorchScriptModule(const TorchScriptRequest& request)
    : name_("network " + quote(request.source.file.string())),
      device_(request.source.device),
      dtype_(dtype_from_string(request.dtype)) {
  check_device(device_);
  if (request.source.dtype && *request.source.dtype != dtype_) {
    raise(ErrorCode::unsupported,
          name_ + ": was exported in " + request.dtype + " and runs in it alone, not in " +
              dtype_to_string(*request.source.dtype) + "; export the model in that dtype");
  }
  const c10::InferenceMode ordinary_tensors(
      false);  // weights stay usable outside the caller's mode
  torch::jit::ExtraFilesMap extra{{"freeinit.json", ""}};
  module_ = read_network(request.source.file, name_, device_, extra);
  check_operators(module_, name_, request.source.allow_operators);
  module_.eval();
  check_contract(name_, extra["freeinit.json"], request.source.contract);
  check_forward(request.inputs);
  const WeightSet narrow = widens_weights() ? widen_where_read(module_) : WeightSet();
  if (request.source.rewrite)
    request.source.rewrite(module_);  // may narrow weights, so it is before the rest is widened
  if (widens_weights()) widen_parameters(narrow);
}

inline void TorchScriptModule::check_forward(const std::vector<std::string_view>& inputs) const {
  std::string expected;
  for (const auto& input : inputs) expected += (expected.empty() ? "" : ", ") + std::string(input);
  const auto method = module_.find_method("forward");
  if (!method) {
    raise(ErrorCode::invalid_file, name_ + ": has no forward(" + expected + ")");
  }
  const auto& schema = method->function().getSchema();
  const std::size_t count = schema.arguments().size() - 1;  // without self
  if (count != inputs.size() || schema.returns().size() != 1) {
    raise(ErrorCode::invalid_file,
          c10::str(name_, ": forward takes ", count, " tensors and returns ",
                   schema.returns().size(), "; expected forward(", expected, ") -> one tensor"));
  }
}

/// Weights of a graph in float32 may be stored in float16; exact, since every float16 is a float32.
/// Others are left: a graph may compute some layers in float32 (VideoCrafter's group norms). A
/// graph that widens what it uses (`freeinit-export backend float16-weights`) says so.
inline bool TorchScriptModule::widens_weights() const {
  return dtype_ == at::kFloat && !module_.hasattr("widens_weights");
}

/// All but those that the code widens. Where there are none of these, nothing is left of a file
/// that was mapped: what is narrow in it would count twice.
inline void TorchScriptModule::widen_parameters(const WeightSet& narrow) {
  bool any = false;
  for (at::Tensor parameter : module_.parameters()) {
    if (parameter.scalar_type() != at::kHalf) continue;
    if (may_stay_narrow(parameter) && narrow.contains(memory_of(parameter))) continue;
    parameter.set_data(parameter.to(at::kFloat));
    any = true;
  }
  if (!any || !narrow.empty()) return;
  const auto keep_without_file = [](const at::Tensor& tensor) {
    if (is_mapped(tensor)) tensor.set_data(tensor.clone());
  };
  for (const at::Tensor& parameter : module_.parameters()) keep_without_file(parameter);
  for (const at::Tensor& buffer : module_.buffers()) keep_without_file(buffer);
}

/// The tensors of a method's result. Throws Error: model for any other value.
inline std::vector<at::Tensor> tensors_of(const std::string& method, c10::IValue&& result) {
  if (result.isTensor()) return {std::move(result).toTensor()};
  std::vector<at::Tensor> tensors;
  if (result.isTuple()) {
    for (const auto& element : result.toTupleRef().elements()) {
      if (!element.isTensor()) break;
      tensors.push_back(element.toTensor());
    }
    if (tensors.size() == result.toTupleRef().elements().size()) return tensors;
  }
  raise(ErrorCode::model, method + " returned " + result.tagKind() + ", not a tensor");
}

inline std::vector<at::Tensor> TorchScriptModule::call(const std::string& method,
                                                       std::vector<at::Tensor> inputs) const {
  const c10::InferenceMode guard;
  std::string shapes;
  try {
    torch::jit::Stack stack;
    for (auto& input : inputs) {
      shapes += (shapes.empty() ? "" : ", ") + c10::str(input.sizes());
      stack.emplace_back(std::move(input));
    }
    return tensors_of(name_ + ": " + method, module_.get_method(method)(std::move(stack)));
  } catch (...) {
    rethrow_as_error(ErrorCode::model, name_ + ": " + method + " failed for inputs of " + shapes);
  }
}

inline at::Tensor TorchScriptModule::operator()(std::vector<at::Tensor> inputs) const {
  auto outputs = call("forward", std::move(inputs));
  if (outputs.size() != 1)
    raise(ErrorCode::model, name_ + ": forward returned Tuple, not a tensor");
  return std::move(outputs.front());
}

/// Refuses a result of another shape than the interface promises. Throws Error: model.
inline void check_network_output(const TorchScriptModule& module, const at::Tensor& output,
                                 at::IntArrayRef expected) {
  if (output.sizes() == expected) return;
  raise(ErrorCode::model,
        c10::str(module.name(), ": forward returned ", output.sizes(), "; expected ", expected));
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
