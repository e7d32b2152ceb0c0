#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"
#include "io/safetensors_content.hpp"

#include <freeinit/core/error.hpp>

/// What could be read can be written, and reads the same again.
void fuzz::safetensors(const std::uint8_t* data, std::size_t size) {
  const auto path = input_file(data, size, "safetensors");
  io_test::SafetensorsContent content;
  try {
    content = io_test::read_safetensors(path);
  } catch (const freeinit::Error&) {
    return;
  }
  io_test::write_safetensors(path, content);
  const io_test::SafetensorsContent again = io_test::read_safetensors(path);
  require(again.metadata == content.metadata, "metadata survives a round trip");
  require(again.tensors.size() == content.tensors.size(), "tensors survive a round trip");
  for (const auto& [name, tensor] : content.tensors) {
    require(again.tensors.at(name).data == tensor.data, "bytes survive a round trip");
  }
}
