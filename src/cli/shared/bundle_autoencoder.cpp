#include "shared/bundle_autoencoder.hpp"

#include <freeinit/bundle/verify.hpp>
#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/networks/device.hpp>

namespace freeinit_cli {

std::unique_ptr<const freeinit::Autoencoder> load_bundle_autoencoder(
    const std::filesystem::path& folder, const freeinit::Manifest& manifest, at::Device device,
    const std::set<std::string>& allow_operators) {
  freeinit::check_device(device);
  freeinit::Manifest checked = manifest;
  std::erase_if(checked.files, [&](const auto& file) {
    return file.first != manifest.vae.decoder_file && file.first != manifest.vae.encoder_file;
  });
  freeinit::verify_bundle_files(folder, checked);
  return freeinit::load_torchscript_autoencoder(
      {.file = folder,
       .contract = manifest.contracts.at("vae"),
       .device = device,
       .rewrite = freeinit::default_unet_backend(manifest, device).convolutions,
       .allow_operators = allow_operators},
      manifest.vae);
}

}  // namespace freeinit_cli
