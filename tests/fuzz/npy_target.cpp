#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/core/Tensor.h>

#include <cstring>
#include <string>

/// What could be read can be written, and reads the same again.
void fuzz::npy(const std::uint8_t* data, std::size_t size) {
  const auto path = input_file(data, size, "array.npy");
  at::Tensor tensor;
  try {
    tensor = freeinit::load_tensor(path);
  } catch (const freeinit::Error& error) {
    require(error.code() != freeinit::ErrorCode::internal, "a mistake of the file");
    require(std::string(error.what()).size() < 2100, "messages are short");
    return;
  }
  require(tensor.is_contiguous(), "rows come first");
  freeinit::save_tensors(path, {{"tensor", tensor}});
  const at::Tensor again = freeinit::load_tensor(path);
  require(again.scalar_type() == tensor.scalar_type(), "the dtype survives a round trip");
  require(again.sizes() == tensor.sizes(), "the shape survives a round trip");
  const std::size_t bytes = tensor.nbytes();
  require(bytes == 0 || std::memcmp(again.const_data_ptr(), tensor.const_data_ptr(), bytes) == 0,
          "bytes survive a round trip");
}
