#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <string>

/// A complete bundle made on the fly, without Python and without weights from anywhere: closed-form
/// networks in TorchScript, a tokenizer of single bytes, a manifest that fits. A video takes
/// milliseconds. Every input of every network changes its output, so that a wrong one shows.
namespace tiny_bundle {

inline constexpr int kTextLength = 12;  ///< tokens of a prompt: ten letters fit
inline constexpr int kTextWidth = 8;
inline constexpr int kSpatialScale = 2;  ///< pixels per latent
inline constexpr int kMultipleOf = 2;    ///< of latent sizes, so pixels come in fours
inline constexpr int kMaxFrames = 8;

struct Options {
  bool with_encoder = true;
  std::string unet_source = {};  ///< TorchScript `def forward(...)`; empty: the usual one
  bool half_weights = false;     ///< the UNet's weights stored as float16, computing in float32
};

/// Writes the bundle into `folder`, which is made if need be.
void write(const std::filesystem::path& folder, const Options& options = {});

/// Writes an image encoder (TorchScript with its contract) that gives the mean of each colour of a
/// whole picture of 16x16 pixels, less .2, .5 and .8.
void write_image_encoder(const std::filesystem::path& file);

/// Changes manifest.json in place. Sizes and hashes of files stay as they are.
void edit_manifest(const std::filesystem::path& folder,
                   const std::function<void(nlohmann::json&)>& edit);

}  // namespace tiny_bundle
