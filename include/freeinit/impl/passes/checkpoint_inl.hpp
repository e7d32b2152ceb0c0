#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/safetensors.hpp>
#include <freeinit/io/sha256.hpp>
#include <freeinit/passes/checkpoint.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr const char* kCheckpointFormat = "freeinit checkpoint 1";
inline constexpr std::size_t kMostCheckpointTensors = 64;
inline constexpr std::size_t kMostCheckpointSizes = 8;

/// Of texts, names, dtypes, shapes and bytes: each text with its length in front, so that none can
/// pass for another. Tensors lie on the CPU in one piece.
FREEINIT_INLINE std::string content_hash(const Checkpoint& checkpoint) {
  Sha256 hash;
  const auto add = [&hash](const std::string& text) {
    const std::string entry = concat(text.size(), ":", text);
    hash.add(std::as_bytes(std::span(entry)));
  };
  for (const auto& [name, text] : checkpoint.texts) {
    add(name);
    add(text);
  }
  for (const auto& [name, tensor] : checkpoint.tensors) {
    add(name);
    add(c10::str(tensor.scalar_type(), " ", tensor.sizes()));
    hash.add({static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
  }
  return hash.hex();
}

/// The name of an earlier output of the running pass.
FREEINIT_INLINE std::string history_name(std::size_t index) {
  return concat("history_", index);
}

/// Takes the tensors of a state out of a map and checks what each must be.
class StateTensors {
 public:
  StateTensors(const std::map<std::string, at::Tensor>& tensors, at::Device device)
      : tensors_(tensors), device_(device) {}

  [[nodiscard]] bool has(const std::string& name) const { return tensors_.contains(name); }

  [[nodiscard]] at::Tensor take(const std::string& name, at::ScalarType type, std::int64_t dim) {
    if (!has(name)) refuse("has no " + quote(name));
    const at::Tensor& tensor = tensors_.at(name);
    if (tensor.dim() != dim || tensor.scalar_type() != type) {
      refuse(concat(quote(name), " is ", c10::str(tensor.scalar_type(), " ", tensor.sizes()),
                    "; expected ", dim, " sizes of ", c10::toString(type)));
    }
    ++taken_;
    return tensor;
  }

  /// Latents of the shape and dtype that the first ones have; undefined if they are not there.
  [[nodiscard]] at::Tensor take_latents(const std::string& name) {
    if (!has(name)) return {};
    const at::Tensor& tensor = tensors_.at(name);
    if (!like_.defined()) like_ = tensor;
    if (!tensor.is_floating_point() || tensor.sizes() != like_.sizes()) {
      refuse(concat(quote(name), " is ", c10::str(tensor.scalar_type(), " ", tensor.sizes()),
                    "; expected latents like the others"));
    }
    return take(name, like_.scalar_type(), 5).to(device_);
  }

  void check_all_taken() const {
    if (taken_ != tensors_.size()) refuse("holds more tensors than a state has");
  }

  [[noreturn]] static void refuse(const std::string& what) {
    raise(ErrorCode::invalid_file, "checkpoint of a run: " + what);
  }

 private:
  const std::map<std::string, at::Tensor>& tensors_;
  at::Device device_;
  at::Tensor like_;
  std::size_t taken_ = 0;
};

FREEINIT_INLINE NoiseSource noise_from_state(const at::Tensor& state) {
  try {
    return NoiseSource::from_state(state);
  } catch (const Error& error) {
    StateTensors::refuse(error.what());
  } catch (const c10::Error&) {
    StateTensors::refuse("its generator is in a state that none can be in");
  }
}

}  // namespace detail

FREEINIT_INLINE void Checkpoint::write(const std::filesystem::path& path) const {
  Checkpoint whole{.texts = texts};
  for (const auto& [name, tensor] : tensors) {
    whole.tensors[name] = tensor.detach().to(at::kCPU).contiguous();
  }
  whole.texts["format"] = detail::kCheckpointFormat;
  std::string hash = detail::content_hash(whole);
  whole.texts["sha256"] = std::move(hash);
  save_tensors(path, whole.tensors, whole.texts);
}

FREEINIT_INLINE Checkpoint Checkpoint::read(const std::filesystem::path& path) {
  const auto refuse = [&path](const std::string& what) {
    raise(ErrorCode::invalid_file, "checkpoint '" + path.string() + "': " + what);
  };
  SafetensorsReader file(path);
  Checkpoint read{.texts = file.metadata()};
  const auto format = read.texts.find("format");
  if (format == read.texts.end() || format->second != detail::kCheckpointFormat) {
    refuse(concat("not marked as one; expected the format '", detail::kCheckpointFormat, "'"));
  }
  if (file.tensors().size() > detail::kMostCheckpointTensors) {
    refuse(concat("holds ", file.tensors().size(), " tensors; expected at most ",
                  detail::kMostCheckpointTensors));
  }
  for (const auto& [name, entry] : file.tensors()) {
    if (entry.shape.size() > detail::kMostCheckpointSizes || entry.begin == entry.end) {
      refuse(concat("tensor ", quote(name), " is empty, or has more than ",
                    detail::kMostCheckpointSizes, " sizes"));
    }
    read.tensors[name] = read_tensor(file, name);
  }
  const std::string said = std::exchange(read.texts["sha256"], {});
  read.texts.erase("sha256");
  if (said != detail::content_hash(read)) refuse("damaged: its content has another SHA-256");
  read.texts.erase("format");
  return read;
}

FREEINIT_INLINE std::map<std::string, at::Tensor> state_to_tensors(const FreeInitState& state) {
  std::vector<std::int64_t> counters{state.pass, state.calls, state.sample.index};
  counters.insert(counters.end(), state.calls_per_pass.begin(), state.calls_per_pass.end());
  const NoiseLevel& level = state.partial_level;
  std::map<std::string, at::Tensor> tensors{
      {"noise_source", state.noise.state()},
      {"first_noise", state.first_noise},
      {"counters", at::tensor(counters, at::kLong)},
      {"partial_level", at::tensor({level.alpha, level.scale}, at::kDouble)}};
  const auto add = [&tensors](const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) tensors[name] = tensor;
  };
  add("latents", state.latents);
  add("partial", state.partial);
  add("sample", state.sample.latents);
  for (std::size_t i = 0; i < state.sample.history.size(); ++i) {
    add(detail::history_name(i), state.sample.history[i]);
  }
  return tensors;
}

FREEINIT_INLINE FreeInitState state_from_tensors(const std::map<std::string, at::Tensor>& tensors,
                                                 at::Device device) {
  detail::StateTensors from(tensors, device);
  FreeInitState state{.noise = detail::noise_from_state(from.take("noise_source", at::kByte, 2)),
                      .first_noise = from.take_latents("first_noise")};
  const at::Tensor counters = from.take("counters", at::kLong, 1);
  const std::span<const std::int64_t> numbers(counters.const_data_ptr<std::int64_t>(),
                                              static_cast<std::size_t>(counters.numel()));
  if (numbers.size() < 3 || numbers[0] < 0 || std::cmp_not_equal(numbers[0], numbers.size() - 3)) {
    detail::StateTensors::refuse("its counters do not fit each other");
  }
  state.pass = static_cast<int>(numbers[0]);
  state.calls = numbers[1];
  state.calls_per_pass.assign(numbers.begin() + 3, numbers.end());
  state.latents = from.take_latents("latents");
  state.partial = from.take_latents("partial");
  const at::Tensor level = from.take("partial_level", at::kDouble, 1);
  if (level.numel() != 2) detail::StateTensors::refuse("its noise level is not two numbers");
  state.partial_level = {level[0].item<double>(), level[1].item<double>()};
  if (from.has("sample")) {
    state.sample = SamplerState(from.take_latents("sample"), numbers[2]);
    auto& history = state.sample.history;
    for (std::string name; from.has(name = detail::history_name(history.size()));) {
      history.push_back(from.take_latents(name));
    }
  }
  from.check_all_taken();
  return state;
}

}  // namespace freeinit::inline FREEINIT_ABI
