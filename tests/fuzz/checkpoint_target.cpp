#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/passes/checkpoint.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <map>
#include <string>

/// The bytes as the file of a checkpoint, and its tensors as a state, whatever their hash: a state
/// that is taken can be written again.
void fuzz::checkpoint(const std::uint8_t* data, std::size_t size) {
  const auto path = input_file(data, size, "checkpoint.safetensors");
  try {
    (void)freeinit::Checkpoint::read(path);
  } catch (const freeinit::Error&) {
  }
  try {
    std::map<std::string, at::Tensor> tensors;
    freeinit::SafetensorsReader file(path);
    for (const auto& [name, entry] : file.tensors()) {
      if (tensors.size() < 16) tensors[name] = freeinit::read_tensor(file, name);
    }
    const freeinit::FreeInitState state = freeinit::state_from_tensors(tensors, at::kCPU);
    require(freeinit::state_to_tensors(state).size() == tensors.size(), "a state is what it was");
  } catch (const freeinit::Error& error) {
    require(std::string(error.what()).size() < 2100, "messages are short");
  }
}
