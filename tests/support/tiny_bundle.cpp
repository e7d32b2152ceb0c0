#include "support/tiny_bundle.hpp"

#include <freeinit/io/sha256.hpp>

#include <ATen/ops/arange.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <fstream>

namespace tiny_bundle {
namespace {

using nlohmann::json;

/// One network, whole and in two parts: the convolution is its deep feature.
constexpr const char* kUNet = R"(
def forward_deep(self, latents, timestep, text, fps):
    near = torch.conv3d(latents, self.kernel, None, [1, 1, 1], [1, 1, 1])
    return self.forward_shallow(latents, timestep, text, fps, near), near

def forward_shallow(self, latents, timestep, text, fps, deep):
    level = (timestep / 1000.0).to(latents.dtype).reshape([-1, 1, 1, 1, 1])
    rate = (fps / 100.0).to(latents.dtype).reshape([-1, 1, 1, 1, 1])
    mood = (torch.linear(text, self.project) * self.mood).sum(dim=[1, 2]).reshape([-1, 1, 1, 1, 1])
    return 0.8 * latents + 0.3 * torch.tanh(deep + level + mood + rate)

def forward(self, latents, timestep, text, fps):
    return self.forward_deep(latents, timestep, text, fps)[0]
)";

constexpr const char* kTextEncoder = R"(
def forward(self, ids):
    return torch.embedding(self.table, ids) + self.position[0:ids.size(1)]
)";

constexpr const char* kDecoder = R"(
def forward(self, latents):
    pixels = torch.conv2d(latents, self.kernel)
    pixels = pixels.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return torch.conv2d(torch.tanh(pixels), self.smooth, None, [1, 1], [1, 1])
)";

constexpr const char* kEncoder = R"(
def forward(self, images):
    return torch.conv2d(torch.avg_pool2d(images, [2, 2]), self.kernel)
)";

/// Values that look irregular and are the same everywhere.
at::Tensor wave(at::IntArrayRef sizes, double scale, double phase = 0.0) {
  std::int64_t count = 1;
  for (const auto size : sizes) count *= size;
  return at::arange(count, at::kFloat).mul(0.73).add(phase).sin().mul(scale).reshape(sizes);
}

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

void save_network(const std::filesystem::path& file, const std::string& source,
                  const Parameters& parameters, const json& contract) {
  torch::jit::Module module("Network");
  for (const auto& [name, value] : parameters) module.register_parameter(name, value, false);
  module.define(source);
  module.save(file.string(), {{"freeinit.json", contract.dump()}});
}

std::string utf8(unsigned code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3F))};
}

/// Byte-level vocabulary without merges: ids 0..255 are the bytes, 256..511 the same at the end of
/// a word, then begin and end.
void write_tokenizer(const std::filesystem::path& folder) {
  json vocabulary;
  unsigned next_symbol = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const std::string symbol = utf8(printable ? byte : next_symbol++);
    vocabulary[symbol] = byte;
    vocabulary[symbol + "</w>"] = byte + 256;
  }
  vocabulary["<|startoftext|>"] = 512;
  vocabulary["<|endoftext|>"] = 513;
  std::filesystem::create_directories(folder / "tokenizer");
  std::ofstream(folder / "tokenizer/vocab.json") << vocabulary.dump();
  std::ofstream(folder / "tokenizer/merges.txt") << "#version: 0.2\n";
}

json networks(const Options& options) {
  json manifest;
  manifest["unet"] = {{"file", "unet.pt"},
                      {"format", "torchscript"},
                      {"dtype", "float32"},
                      {"in_channels", 4},
                      {"context_dim", kTextWidth},
                      {"latent_multiple_of", kMultipleOf},
                      {"max_frames", kMaxFrames},
                      {"max_text_length", kTextLength},
                      {"uses_fps", true},
                      {"feature_cache", options.unet_source.empty()},
                      {"verified_shapes", json::array({json::array({1, 4, 8, 8, kTextLength})})},
                      {"verified_max_relative_error", 0.0}};
  manifest["text_encoder"] = {{"file", "text_encoder.pt"},
                              {"dtype", "float32"},
                              {"max_length", kTextLength},
                              {"width", kTextWidth}};
  manifest["vae"] = {{"decoder_file", "vae_decoder.pt"},
                     {"encoder_file", options.with_encoder ? "vae_encoder.pt" : ""},
                     {"dtype", "float32"},
                     {"latent_channels", 4},
                     {"spatial_scale", kSpatialScale},
                     {"scaling_factor", 0.5}};
  // As `freeinit-export memory` measures them.
  manifest["memory"] = {{"unet", {{"weights", 2368}, {"call", 6912}, {"per_latent", 80}}},
                        {"text_encoder", {{"weights", 16832}, {"call", 768}, {"per_latent", 0}}},
                        {"vae_decoder", {{"weights", 372}, {"call", 0}, {"per_latent", 528}}}};
  if (options.with_encoder) {
    manifest["memory"]["vae_encoder"] = {{"weights", 96}, {"call", 0}, {"per_latent", 44}};
  }
  return manifest;
}

void write_networks(const std::filesystem::path& folder, const Options& options,
                    const json& manifest) {
  const at::ScalarType stored = options.half_weights ? at::kHalf : at::kFloat;
  save_network(folder / "unet.pt", options.unet_source.empty() ? kUNet : options.unet_source,
               {{"kernel", wave({4, 4, 3, 3, 3}, 0.1).to(stored)},
                {"project", wave({kTextWidth, kTextWidth}, 0.5, 3.0).to(stored)},
                {"mood", wave({kTextLength, kTextWidth}, 0.1, 1.0).to(stored)}},
               manifest["unet"]);
  save_network(folder / "text_encoder.pt", kTextEncoder,
               {{"table", wave({514, kTextWidth}, 1.0)},
                {"position", wave({kTextLength, kTextWidth}, 0.5, 2.0)}},
               manifest["text_encoder"]);
  save_network(folder / "vae_decoder.pt", kDecoder,
               {{"kernel", wave({3, 4, 1, 1}, 0.4)}, {"smooth", wave({3, 3, 3, 3}, 0.3)}},
               manifest["vae"]);
  if (options.with_encoder) {
    save_network(folder / "vae_encoder.pt", kEncoder, {{"kernel", wave({8, 3, 1, 1}, 0.5)}},
                 manifest["vae"]);
  }
}

json file_records(const std::filesystem::path& folder) {
  json files = json::object();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename() == "manifest.json") continue;
    files[entry.path().lexically_relative(folder).generic_string()] = {
        {"bytes", entry.file_size()}, {"sha256", freeinit::sha256_of_file(entry.path())}};
  }
  return files;
}

void add_the_rest(json& manifest) {
  manifest["schema"] = 1;
  manifest["name"] = "tiny";
  manifest["family"] = "animatediff";
  manifest["description"] = "closed-form networks for tests";
  manifest["license"] = "Apache-2.0";
  manifest["created_by"] = {{"tests", "1"}};
  manifest["tokenizer"] = {{"vocab_file", "tokenizer/vocab.json"},
                           {"merges_file", "tokenizer/merges.txt"},
                           {"max_length", kTextLength},
                           {"bos_token_id", 512},
                           {"eos_token_id", 513},
                           {"pad_token_id", 513},
                           {"unk_token_id", 513}};
  manifest["scheduler"] = {{"beta_start", 0.00085},         {"beta_end", 0.012},
                           {"beta_schedule", "linear"},     {"clip_sample", false},
                           {"set_alpha_to_one", false},     {"steps_offset", 1},
                           {"timestep_spacing", "linspace"}};
  manifest["recommended"] = {{"num_frames", 4},
                             {"height", 16},
                             {"width", 16},
                             {"fps", 8.0},
                             {"num_inference_steps", 4},
                             {"guidance_scale", 3.0},
                             {"eta", 0.0},
                             {"num_iters", 2},
                             {"negative_prompt", ""},
                             {"filter",
                              {{"method", "butterworth"},
                               {"order", 4.0},
                               {"spatial_stop_frequency", 0.25},
                               {"temporal_stop_frequency", 0.25}}}};
}

}  // namespace

void write_image_encoder(const std::filesystem::path& file) {
  save_network(file, "def forward(self, images):\n    return images.mean(dim=[2, 3])\n", {},
               {{"kind", "image_encoder"},
                {"name", "mean colour"},
                {"dtype", "float32"},
                {"resize", 16},
                {"crop", 16},
                {"interpolation", "bilinear"},
                {"antialias", true},
                {"mean", {0.2, 0.5, 0.8}},
                {"std", {1.0, 1.0, 1.0}}});
}

void write(const std::filesystem::path& folder, const Options& options) {
  std::filesystem::create_directories(folder);
  json manifest = networks(options);
  write_networks(folder, options, manifest);
  write_tokenizer(folder);
  manifest["files"] = file_records(folder);
  add_the_rest(manifest);
  std::ofstream(folder / "manifest.json") << manifest.dump(2);
}

void edit_manifest(const std::filesystem::path& folder, const std::function<void(json&)>& edit) {
  json manifest = json::parse(std::ifstream(folder / "manifest.json"));
  edit(manifest);
  std::ofstream(folder / "manifest.json") << manifest.dump(2);
}

}  // namespace tiny_bundle
