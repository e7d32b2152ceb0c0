#include "runtime_options.hpp"

#include "output_plan.hpp"

#include <CLI/CLI.hpp>

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

}  // namespace

void RuntimeArguments::apply(freeinit::BundleOptions& options) const {
  if (backend) options.backend = freeinit::unet_backend_from_string(*backend);
  options.low_memory = low_memory;
  if (!rehash) options.hash_stamps = hash_stamps_file();
}

std::optional<freeinit::ProfileTrace> RuntimeArguments::start_trace() const {
  if (profile_trace.empty()) return std::nullopt;
  check_writable(profile_trace);
  return freeinit::ProfileTrace();
}

void add_runtime_options(CLI::App& command, RuntimeArguments& a) {
  const std::string group = "Machine";
  command
      .add_option("--backend", a.backend,
                  "What runs the UNet: torchscript, openvino or aotinductor [openvino on a CPU if "
                  "bundle and build have it, else torchscript]")
      ->type_name("NAME")
      ->group(group);
  command
      .add_flag("--low-memory", a.low_memory,
                "Read text encoder and autoencoder when they are needed, and let them go after")
      ->group(group);
  command
      .add_flag("--rehash", a.rehash,
                "Hash every file of the bundle, also those untouched since they were verified")
      ->group(group);
  command
      .add_option("--profile-trace", a.profile_trace,
                  "Write where the time went as a Chrome trace (.json)")
      ->type_name("FILE")
      ->group(group);
}

}  // namespace freeinit_cli
