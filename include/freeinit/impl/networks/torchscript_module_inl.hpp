#pragma once

// The only file that knows TorchScript. Everything LibTorch throws while a network is loaded or run
// leaves here as freeinit::Error with one line, the original nested inside.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>
#include <freeinit/networks/dtype.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The line of a LibTorch message that says what happened. The interpreter's messages begin with a
/// trace of the exported Python code; their cause is the last "SomethingError: ..." line.
FREEINIT_INLINE std::string cause_in_one_line(std::string_view text) {
  for (const std::string_view marker : {"\nRuntimeError: ", "Error: "}) {
    if (const auto at = text.rfind(marker); at != std::string_view::npos) {
      text.remove_prefix(at + marker.size());
      break;
    }
  }
  return std::string(text.substr(0, text.find('\n')));
}

/// Call inside a catch block: rethrows the exception in flight as Error{code, what: cause}, with
/// the original nested.
[[noreturn]] FREEINIT_INLINE void rethrow_as_error(ErrorCode code, const std::string& what) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError&) {
    std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory on the device"));
  } catch (const c10::Error& error) {
    std::throw_with_nested(
        Error(code, what + ": " + cause_in_one_line(error.what_without_backtrace())));
  } catch (const std::exception& error) {
    std::throw_with_nested(Error(code, what + ": " + cause_in_one_line(error.what())));
  }
}

/// Refuses a file that is not there; `name` stands in the message. Throws Error: not_found.
FREEINIT_INLINE void check_network_file(const std::string& name,
                                        const std::filesystem::path& file) {
  std::error_code ignored;  // what cannot be looked at is not there for us either
  if (std::filesystem::is_regular_file(file, ignored)) return;
  raise(ErrorCode::not_found, name + ": no such file");
}

/// Refuses a device this machine or this LibTorch lacks. Throws Error: unsupported.
FREEINIT_INLINE void check_device(at::Device device) {
  if (device.is_cpu()) return;
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::unsupported, "device '" + device.str() + "': " + reason);
  };
  if (!c10::impl::hasDeviceGuardImpl(device.type())) {
    refuse("this LibTorch is built without it; use 'cpu'");
  }
  const auto count = c10::impl::getDeviceGuardImpl(device.type())->deviceCount();
  if (count == 0) refuse("this machine has none; use 'cpu'");
  if (device.has_index() && device.index() >= count) {
    refuse(c10::str("there are ", static_cast<int>(count), ", numbered from 0"));
  }
}

/// Compares a network's own contract with the manifest's section, as JSON values. `contract` empty:
/// nothing is compared. Throws Error: invalid_file naming the first key that differs.
FREEINIT_INLINE void check_contract(const std::string& file, const std::string& in_file,
                                    const std::string& contract) {
  if (contract.empty()) return;
  if (in_file.empty()) {
    raise(ErrorCode::invalid_file, file +
                                       ": holds no contract (extra file freeinit.json); "
                                       "export the bundle again");
  }
  const auto own = nlohmann::json::parse(in_file, nullptr, false);
  const auto wanted = nlohmann::json::parse(contract, nullptr, false);
  if (!own.is_object() || !wanted.is_object()) {
    raise(ErrorCode::invalid_file, file + ": its contract freeinit.json is not a JSON object");
  }
  if (own == wanted) return;
  const auto value = [](const nlohmann::json& object, const std::string& key) {
    return object.contains(key) ? object[key].dump() : std::string("absent");
  };
  auto keys = wanted;
  keys.update(own);
  for (const auto& item : keys.items()) {
    const std::string& key = item.key();
    if (own.contains(key) && wanted.contains(key) && own[key] == wanted[key]) continue;
    raise(ErrorCode::invalid_file, file + ": '" + key + "' is " + value(own, key) +
                                       " in the file, but manifest.json says " +
                                       value(wanted, key));
  }
}

/// What to load, and what it must be.
struct TorchScriptRequest {
  std::filesystem::path file;
  std::string contract;                  ///< empty: not compared
  std::vector<std::string_view> inputs;  ///< meaning of forward's arguments after self
  std::string dtype;                     ///< in which the graph was traced
  std::optional<at::ScalarType> wanted;  ///< what the user asked for
  at::Device device = at::kCPU;
  ConvolutionAlgorithm convolutions = ConvolutionAlgorithm::direct;
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
  void widen_parameters();

  std::string name_;
  at::Device device_;
  at::ScalarType dtype_;
  torch::jit::Module module_;
};

FREEINIT_INLINE torch::jit::Module read_torchscript(const TorchScriptRequest& request,
                                                    torch::jit::ExtraFilesMap& extra) {
  const std::string path = request.file.string();
  check_network_file("network '" + path + "'", request.file);
  try {
    torch::jit::Module module = torch::jit::load(path, request.device, extra);
    module.eval();
    return module;
  } catch (...) {
    rethrow_as_error(ErrorCode::invalid_file,
                     "network '" + path + "': not a readable TorchScript file");
  }
}

FREEINIT_INLINE TorchScriptModule::TorchScriptModule(const TorchScriptRequest& request)
    : name_("network '" + request.file.string() + "'"),
      device_(request.device),
      dtype_(dtype_from_string(request.dtype)) {
  check_device(device_);
  if (request.wanted && *request.wanted != dtype_) {
    raise(ErrorCode::unsupported,
          name_ + ": was exported in " + request.dtype + " and runs in it alone, not in " +
              dtype_to_string(*request.wanted) + "; export the model in that dtype");
  }
  const c10::InferenceMode ordinary_tensors(
      false);  // weights stay usable outside the caller's mode
  torch::jit::ExtraFilesMap extra{{"freeinit.json", ""}};
  module_ = read_torchscript(request, extra);
  check_contract(name_, extra["freeinit.json"], request.contract);
  check_forward(request.inputs);
  widen_parameters();
  if (request.convolutions == ConvolutionAlgorithm::winograd && device_.is_cpu()) {
    static_cast<void>(use_winograd(module_));
  }
}

FREEINIT_INLINE void TorchScriptModule::check_forward(
    const std::vector<std::string_view>& inputs) const {
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

/// Weights may be stored in a narrower dtype than the graph computes in; exact, since every float16
/// is a float32. Wider ones are left: a graph may compute some layers in float32 (VideoCrafter's
/// group norms). A graph that widens what it uses (`freeinit-export backend float16-weights`) says
/// so.
FREEINIT_INLINE void TorchScriptModule::widen_parameters() {
  if (module_.hasattr("widens_weights")) return;
  for (at::Tensor parameter : module_.parameters()) {
    if (parameter.is_floating_point() && parameter.itemsize() < c10::elementSize(dtype_)) {
      parameter.set_data(parameter.to(dtype_));
    }
  }
}

/// The tensors of a method's result. Throws Error: model for any other value.
FREEINIT_INLINE std::vector<at::Tensor> tensors_of(const std::string& method,
                                                   c10::IValue&& result) {
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

FREEINIT_INLINE std::vector<at::Tensor> TorchScriptModule::call(
    const std::string& method, std::vector<at::Tensor> inputs) const {
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

FREEINIT_INLINE at::Tensor TorchScriptModule::operator()(std::vector<at::Tensor> inputs) const {
  auto outputs = call("forward", std::move(inputs));
  if (outputs.size() != 1)
    raise(ErrorCode::model, name_ + ": forward returned Tuple, not a tensor");
  return std::move(outputs.front());
}

/// Refuses a result of another shape than the interface promises. Throws Error: model.
FREEINIT_INLINE void check_network_output(const TorchScriptModule& module, const at::Tensor& output,
                                          at::IntArrayRef expected) {
  if (output.sizes() == expected) return;
  raise(ErrorCode::model,
        c10::str(module.name(), ": forward returned ", output.sizes(), "; expected ", expected));
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
