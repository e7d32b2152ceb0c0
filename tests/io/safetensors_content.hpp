#pragma once

#include <freeinit/io/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace io_test {

struct OwnedTensor {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;
};

/// A whole `.safetensors` file in memory.
struct SafetensorsContent {
  std::map<std::string, OwnedTensor> tensors;
  std::map<std::string, std::string> metadata;
};

inline SafetensorsContent read_safetensors(const std::filesystem::path& path) {
  freeinit::SafetensorsReader file(path);
  SafetensorsContent content{{}, file.metadata()};
  for (const auto& [name, entry] : file.tensors()) {
    OwnedTensor& tensor = content.tensors[name];
    tensor = {entry.dtype, entry.shape, std::vector<std::byte>(entry.end - entry.begin)};
    file.read(name, tensor.data);
  }
  return content;
}

inline void write_safetensors(const std::filesystem::path& path,
                              const SafetensorsContent& content) {
  std::map<std::string, freeinit::SafetensorsView> tensors;
  for (const auto& [name, tensor] : content.tensors) {
    tensors[name] = {tensor.dtype, tensor.shape, tensor.data};
  }
  freeinit::write_safetensors(path, tensors, content.metadata);
}

}  // namespace io_test
