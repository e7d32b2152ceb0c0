#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/io/safetensors.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr std::array<std::pair<std::string_view, at::ScalarType>, 14> kSafetensorsTypes{{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"U16", at::kUInt16},
    {"U32", at::kUInt32},
    {"BOOL", at::kBool},
}};

FREEINIT_INLINE std::optional<at::ScalarType> scalar_type_of(std::string_view dtype) {
  for (const auto& [name, type] : kSafetensorsTypes) {
    if (name == dtype) return type;
  }
  return std::nullopt;
}

FREEINIT_INLINE std::string_view safetensors_name_of(at::ScalarType type) {
  for (const auto& [name, entry] : kSafetensorsTypes) {
    if (entry == type) return name;
  }
  return {};
}

/// The entry called `name`, or the only one.
FREEINIT_INLINE const RawTensor& select_tensor(const SafetensorsContent& content,
                                               const std::filesystem::path& path,
                                               const std::string& name) {
  std::string known;
  for (const auto& [key, value] : content.tensors) {
    if (key == name || (name.empty() && content.tensors.size() == 1)) return value;
    known.append(known.empty() ? "" : ", ").append(key);
  }
  raise(ErrorCode::not_found,
        c10::str("tensor '", name, "' in '", path.string(), "': not there; ",
                 name.empty() ? "expected a file with one tensor, or a name out of: "
                              : "the file holds: ",
                 known.empty() ? "nothing" : known));
}

}  // namespace detail

FREEINIT_INLINE at::Tensor load_tensor(const std::filesystem::path& path, const std::string& name) {
  const SafetensorsContent content = read_safetensors(path);
  const RawTensor& raw = detail::select_tensor(content, path, name);
  const auto type = detail::scalar_type_of(raw.dtype);
  if (!type) {
    raise(ErrorCode::unsupported, c10::str("tensor in '", path.string(), "': dtype '", raw.dtype,
                                           "' is unknown to LibTorch"));
  }
  // Any byte but 0 counts as true: a bool of another value would be undefined behaviour.
  const bool is_bool = *type == at::kBool;
  at::Tensor tensor = at::empty(raw.shape, is_bool ? at::kByte : *type);
  if (tensor.nbytes() != raw.data.size()) {
    raise(ErrorCode::invalid_file, c10::str("tensor in '", path.string(), "': holds ",
                                            raw.data.size(), " bytes; expected ", tensor.nbytes()));
  }
  if (!raw.data.empty()) std::memcpy(tensor.mutable_data_ptr(), raw.data.data(), raw.data.size());
  return is_bool ? tensor.ne(0) : tensor;
}

FREEINIT_INLINE void save_tensors(const std::filesystem::path& path,
                                  const std::map<std::string, at::Tensor>& tensors,
                                  const std::map<std::string, std::string>& metadata) {
  SafetensorsContent content;
  content.metadata = metadata;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) {
      raise(ErrorCode::invalid_argument, c10::str("tensor '", name, "': undefined"));
    }
    const std::string_view dtype = detail::safetensors_name_of(tensor.scalar_type());
    if (dtype.empty()) {
      raise(ErrorCode::unsupported, c10::str("tensor '", name, "': safetensors has no dtype for '",
                                             tensor.scalar_type(), "'"));
    }
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    const auto* const bytes = static_cast<const std::byte*>(host.const_data_ptr());
    content.tensors[name] = {
        std::string(dtype), host.sizes().vec(), {bytes, bytes + host.nbytes()}};
  }
  write_safetensors(path, content);
}

}  // namespace freeinit::inline FREEINIT_ABI
