#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/networks/autoencoder.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>

namespace freeinit_cli {

/// The autoencoder of a bundle without its other networks, its files checked and run as `generate`
/// does. Throws freeinit::Error: as ModelBundle::load.
[[nodiscard]] std::unique_ptr<const freeinit::Autoencoder> load_bundle_autoencoder(
    const std::filesystem::path& folder, const freeinit::Manifest& manifest, at::Device device,
    const std::set<std::string>& allow_operators);

}  // namespace freeinit_cli
