#pragma once

#include <freeinit/core/names.hpp>
#include <freeinit/impl/tensors/npy_file_inl.hpp>
#include <freeinit/io/safetensors.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The format's names of LibTorch's dtypes. The rest of the format's packs values below a byte.
inline constexpr NameTable<at::ScalarType, 19> kSafetensorsTypes{{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E4M3FNUZ", at::kFloat8_e4m3fnuz},
    {"F8_E5M2FNUZ", at::kFloat8_e5m2fnuz},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"C64", at::kComplexFloat},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U64", at::kUInt64},
    {"U32", at::kUInt32},
    {"U16", at::kUInt16},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
}};

/// The name of the entry called `name`, or of the only one that is not empty: some programs write
/// empty tensors as markers.
FREEINIT_INLINE std::string select_tensor(const SafetensorsReader& file, const std::string& name) {
  const auto& tensors = file.tensors();
  if (!name.empty() && tensors.contains(name)) return name;
  if (name.empty()) {
    const auto filled = [](const auto& tensor) { return tensor.second.begin != tensor.second.end; };
    const auto only = std::find_if(tensors.begin(), tensors.end(), filled);
    if (only == tensors.end() && tensors.size() == 1) return tensors.begin()->first;
    if (std::count_if(tensors.begin(), tensors.end(), filled) == 1) return only->first;
  }
  std::string known;
  for (const auto& [key, entry] : tensors) known.append(known.empty() ? "" : ", ").append(key);
  raise(ErrorCode::not_found,
        concat("tensor ", quote(name), " in '", file.path().string(), "': not there; ",
               name.empty() ? "expected a file with one tensor, or a name out of: "
                            : "the file holds: ",
               known.empty() ? "nothing" : excerpt(known)));
}

FREEINIT_INLINE bool is_npy(const std::filesystem::path& path) {
  return path.extension() == ".npy";
}

}  // namespace detail

FREEINIT_INLINE at::Tensor load_tensor(const std::filesystem::path& path, const std::string& name) {
  if (detail::is_npy(path)) {
    if (name.empty()) return detail::load_npy(path);
    raise(ErrorCode::not_found, concat("tensor ", quote(name), " in '", path.string(),
                                       "': a .npy file holds one tensor, without a name"));
  }
  SafetensorsReader file(path);
  return read_tensor(file, name);
}

FREEINIT_INLINE at::Tensor read_tensor(SafetensorsReader& file, const std::string& name) {
  const std::string selected = detail::select_tensor(file, name);
  const SafetensorsEntry& entry = file.tensors().at(selected);
  const auto type = find_value(entry.dtype, detail::kSafetensorsTypes);
  if (!type) {
    raise(
        ErrorCode::unsupported,
        concat("tensor ", quote(selected), " in '", file.path().string(), "': dtype '", entry.dtype,
               "' is not read; expected one of ", listed_names(detail::kSafetensorsTypes)));
  }
  // Any byte but 0 counts as true: a bool of another value would be undefined behaviour.
  const bool is_bool = *type == at::kBool;
  const at::Tensor tensor = at::empty(entry.shape, is_bool ? at::kByte : *type);
  file.read(selected, {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()});
  return is_bool ? tensor.ne(0) : tensor;
}

FREEINIT_INLINE void save_tensors(const std::filesystem::path& path,
                                  const std::map<std::string, at::Tensor>& tensors,
                                  const std::map<std::string, std::string>& metadata) {
  const bool npy = detail::is_npy(path);
  if (npy && tensors.size() != 1) {
    raise(ErrorCode::invalid_argument,
          concat("tensor file '", path.string(), "': a .npy file holds one tensor; got ",
                 tensors.size()));
  }
  std::vector<at::Tensor> hosts;  // keep the memory that the views name
  std::map<std::string, SafetensorsView> views;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) {
      raise(ErrorCode::invalid_argument, concat("tensor ", quote(name), ": undefined"));
    }
    const at::Tensor host = tensor.detach().to(at::kCPU).resolve_conj().resolve_neg().contiguous();
    if (npy) return detail::save_npy(path, host);
    const at::ScalarType type = tensor.scalar_type();
    const std::string_view dtype = name_of_value(type, detail::kSafetensorsTypes);
    if (!find_value(dtype, detail::kSafetensorsTypes)) {
      raise(ErrorCode::unsupported,
            concat("tensor ", quote(name), ": safetensors has no dtype for '", c10::toString(type),
                   "'"));
    }
    views[name] = {std::string(dtype),
                   host.sizes().vec(),
                   {static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()}};
    hosts.push_back(host);
  }
  write_safetensors(path, views, metadata);
}

}  // namespace freeinit::inline FREEINIT_ABI
