#include "support/simulated_device.hpp"

#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/convolution.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace simulated_device {
namespace {

std::atomic<std::int64_t> to_device_count{0};
std::atomic<std::int64_t> to_host_count{0};
std::atomic<std::int64_t> scalar_read_count{0};
std::atomic<std::int64_t> operator_count{0};

bool on_device(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_privateuseone();
}

// -- Storage: the same host memory, seen as the device's or as the CPU's.
// --------------------------

void release_storage(void* storage) {
  delete static_cast<c10::Storage*>(storage);
}

/// Host memory that claims to lie on the device.
class DeviceAllocator final : public c10::Allocator {
 public:
  at::DataPtr allocate(std::size_t bytes) override {
    at::DataPtr host = c10::GetCPUAllocator()->allocate(bytes);
    void* const data = host.get();
    const auto release = host.get_deleter();
    return {data, host.release_context(), release, device()};
  }
  at::DeleterFnPtr raw_deleter() const override { return c10::GetCPUAllocator()->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

c10::Allocator* device_allocator() {
  static DeviceAllocator allocator;
  return &allocator;
}

/// A second storage on the memory of `storage`, which it keeps alive.
c10::Storage share_storage(const c10::Storage& storage, at::Device where) {
  at::DataPtr data(storage.mutable_data(), new c10::Storage(storage), &release_storage, where);
  c10::Allocator* const allocator = where.is_cpu() ? c10::GetCPUAllocator() : device_allocator();
  return {c10::Storage::use_byte_size_t(), storage.nbytes(), std::move(data), allocator,
          /*resizable=*/true};
}

/// A tensor with the layout of `like` on `storage`.
at::Tensor tensor_on(const c10::Storage& storage, const at::Tensor& like) {
  const auto key =
      storage.device().is_cpu() ? c10::DispatchKey::CPU : c10::DispatchKey::PrivateUse1;
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage), c10::DispatchKeySet(key), like.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(),
                                                      like.storage_offset());
  return tensor;
}

/// A view of `base` with the layout of `like`. It has the dispatch keys of its base: in inference
/// mode a view of an ordinary tensor is an ordinary tensor.
at::Tensor view_of(const at::Tensor& base, const at::Tensor& like) {
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(base.storage()), base.key_set(), like.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(),
                                                      like.storage_offset());
  return tensor;
}

// -- The fallback: device arguments become CPU tensors on the same memory, results go back.
// --------

/// The device tensors of one operator call and the CPU tensors that stand for them.
class HostCall {
 public:
  void replace(c10::IValue& value) {
    if (value.isTensor()) {
      value = to_host(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(to_host(tensor));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? std::optional<at::Tensor>(to_host(*tensor)) : std::nullopt);
      }
      value = list;
    } else if (value.isDevice() && value.toDevice().is_privateuseone()) {
      value = c10::IValue(at::Device(at::kCPU));
      asks_for_device_ = true;
    }
  }

  void check_devices(const c10::FunctionSchema& schema) const {
    TORCH_CHECK(pairs_.empty() || !host_tensor_,
                "Expected all tensors to be on the same device, but ", schema.name(),
                " got some on cpu and some on ", device());
  }

  /// An operator may have given an output argument other sizes or another storage.
  void write_back() {
    for (auto& [on_device, on_host] : pairs_) {
      c10::TensorImpl* const impl = on_device.unsafeGetTensorImpl();
      if (on_host.storage().data() != on_device.storage().data()) {
        impl->set_storage_keep_dtype(share_storage(on_host.storage(), device()));
      }
      impl->set_sizes_and_strides(on_host.sizes(), on_host.strides(), on_host.storage_offset());
    }
  }

  void restore(c10::IValue& value) {
    if (pairs_.empty() && !asks_for_device_) return;
    if (value.isTensor()) {
      value = to_device(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(to_device(tensor));
      value = list;
    } else {
      ++scalar_read_count;  // a number computed from device memory: the host has waited for it
    }
  }

  [[nodiscard]] at::Tensor to_host(const at::Tensor& tensor) {
    if (!on_device(tensor)) {
      host_tensor_ = host_tensor_ || (tensor.defined() && tensor.dim() > 0);
      return tensor;
    }
    const auto [entry, is_new] = storages_.try_emplace(tensor.storage().unsafeGetStorageImpl());
    if (is_new) entry->second = {tensor.storage(), share_storage(tensor.storage(), at::kCPU)};
    pairs_.emplace_back(tensor, tensor_on(entry->second.on_host, tensor));
    return pairs_.back().second;
  }

 private:
  struct SharedStorage {
    c10::Storage on_device;
    c10::Storage on_host;
  };

  [[nodiscard]] at::Tensor to_device(const at::Tensor& result) const {
    if (!result.defined()) return result;
    for (const auto& [on_device, on_host] : pairs_) {
      if (on_host.is_same(result)) return on_device;  // in place
    }
    for (const auto& [on_device, on_host] : pairs_) {
      if (on_host.storage().is_alias_of(result.storage())) return view_of(on_device, result);
    }
    return tensor_on(share_storage(result.storage(), device()), result);
  }

  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;
  std::map<c10::StorageImpl*, SharedStorage> storages_;
  bool host_tensor_ = false;
  bool asks_for_device_ = false;
};

/// Whether an operator only looks at memory that is there in another way.
bool makes_view(const c10::FunctionSchema& schema) {
  return std::ranges::any_of(schema.returns(), [](const c10::Argument& result) {
    return result.alias_info() && !result.alias_info()->isWrite();
  });
}

void run_on_host(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const c10::FunctionSchema& schema = op.schema();
  if (!makes_view(schema)) ++operator_count;
  HostCall call;
  const std::size_t first = stack->size() - schema.arguments().size();
  for (std::size_t i = first; i < stack->size(); ++i) call.replace((*stack)[i]);
  call.check_devices(schema);
  op.callBoxed(stack);
  call.write_back();
  for (std::size_t i = stack->size() - schema.returns().size(); i < stack->size(); ++i) {
    call.restore((*stack)[i]);
  }
}

// -- Operators that create, copy and read.
// ---------------------------------------------------------

at::Tensor empty_on_device(at::IntArrayRef size, std::optional<at::ScalarType> dtype,
                           std::optional<at::Layout>, std::optional<at::Device>,
                           std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::Tensor(at::detail::empty_generic(size, device_allocator(),
                                              c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                              dtype.value_or(at::kFloat), format));
}

at::Tensor empty_strided_on_device(at::IntArrayRef size, at::IntArrayRef stride,
                                   std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                                   std::optional<at::Device>, std::optional<bool>) {
  return at::Tensor(at::detail::empty_strided_generic(
      size, stride, device_allocator(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
      dtype.value_or(at::kFloat)));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (on_device(to) && !on_device(from)) ++to_device_count;
  if (!on_device(to) && on_device(from)) ++to_host_count;
  HostCall call;
  call.to_host(to).copy_(call.to_host(from), non_blocking);
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, /*non_blocking=*/false);
}

at::Scalar read_scalar(const at::Tensor& tensor) {
  ++scalar_read_count;
  return HostCall().to_host(tensor).item();
}

/// Convolutions of a PrivateUse1 device arrive here, at an operator that the CPU does not have.
at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, std::int64_t groups) {
  HostCall call;
  const std::optional<at::Tensor> host_bias = bias ? call.to_host(*bias) : bias;
  c10::IValue result = at::convolution(call.to_host(input), call.to_host(weight), host_bias, stride,
                                       padding, dilation, transposed, output_padding, groups);
  call.restore(result);
  return result.toTensor();
}

/// Bare minimum of a device guard: one device, no streams.
struct DeviceGuard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::PrivateUse1> {
  c10::Device exchangeDevice(c10::Device) const override { return device(); }
  c10::Device getDevice() const override { return device(); }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, DeviceGuard)

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty_on_device);
  library.impl("empty_strided", &empty_strided_on_device);
  library.impl("_copy_from", &copy_from);
  library.impl("_copy_from_and_resize", &copy_from_and_resize);
  library.impl("_local_scalar_dense", &read_scalar);
  library.impl("convolution_overrideable", &convolution);
}

}  // namespace

at::Device device() {
  return {at::kPrivateUse1, 0};
}

std::int64_t operators() {
  return operator_count;
}

Traffic traffic() {
  return {to_device_count.load(), to_host_count.load(), scalar_read_count.load()};
}

}  // namespace simulated_device
