#include "shared/runtime_options.hpp"

#include "shared/operator_options.hpp"
#include "shared/option_group.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/freed_memory.hpp>
#include <freeinit/networks/dtype.hpp>

#include <ATen/Parallel.h>

#include <cstdlib>
#include <filesystem>

namespace freeinit_cli {
namespace {

/// Where hashes are remembered: the user's cache folder, or nowhere if there is none.
std::filesystem::path hash_stamps_file() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return std::filesystem::path(cache) / "freeinit/hashes.json";
  const char* home = std::getenv("HOME");
  if (home && *home == '/') return std::filesystem::path(home) / ".cache/freeinit/hashes.json";
  return {};
}

std::string backend_names() {
  std::string names;
  for (const auto& backend : freeinit::unet_backends()) {
    names.append(names.empty() ? "" : ", ").append(backend.name);
  }
  return names;
}

}  // namespace

freeinit::BundleOptions RuntimeArguments::bundle_options() const {
  freeinit::BundleOptions options;
  options.device = freeinit::device_from_string(device.empty() ? "cpu" : device);
  if (dtype) options.dtype = freeinit::dtype_from_string(*dtype);
  if (!backend.empty()) options.backend = freeinit::unet_backend(backend).name;
  options.low_memory = low_memory;
  options.allow_operators = allow_operators;
  if (!rehash) options.hash_stamps = hash_stamps_file();
  return options;
}

void RuntimeArguments::apply_to_process(bool keeps_freed_memory) const {
  if (keeps_freed_memory) freeinit::keep_freed_memory();
  if (threads) at::set_num_threads(*threads);
}

void add_runtime_options(CLI::App& command, RuntimeArguments& a) {
  OptionGroup machine(command, "Machine");
  machine.add("--device", a.device, "cpu, cuda or cuda:N [cpu]", "NAME");
  machine.add("--dtype", a.dtype, "float32, float16 or bfloat16 [as stored in the bundle]", "NAME");
  machine.add_number("--threads", a.threads, "CPU threads [LibTorch's choice]", 1, 1024);
  machine.add("--backend", a.backend,
              "What runs the UNet: " + backend_names() +
                  " [on a CPU winograd for a large network, openvino if it is there for a small "
                  "one; else torchscript]",
              "NAME");
  machine.add_flag(
      "--low-memory", a.low_memory,
      "Read text encoder and autoencoder when they are needed, let them go after, decode frame by "
      "frame, and give freed memory back");
  machine.add_flag("--rehash", a.rehash,
                   "Hash every file of the bundle, also those untouched since they were verified");
  add_allow_operators(command, a.allow_operators)->group("Machine");
}

}  // namespace freeinit_cli
