// Makes the videos of the evaluation in one process: every prompt with every configuration. A
// configuration is a list of the command's own options, read by the command's own parser. Network
// calls that configurations of one prompt share (all begin with the same plain pass) are made once.
//
//     evaluation_driver BUNDLE JOBS.json OUT THREADS
//
// JOBS.json: {"prompts": [{"index", "prompt", "seed", "clip", "configurations": ["name", ...]},
// ...],
//             "configurations": {"name": ["--num-iters", "3", ...], ...}}
// "clip" names a real clip [F,H,W,3] uint8 (.safetensors); where an option is {clip}, it becomes
// the file of that clip's latents. For each prompt OUT/<index>.safetensors gets one uint8 tensor
// [F,H,W,3] a configuration, then a line of JSON on stdout says what each of them cost and scored.

#include "memoized_unet.hpp"

#include "cli/console.hpp"
#include "cli/generate_options.hpp"

#include <freeinit/analysis/consistency.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/numerics/tensor_file.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>
#include <freeinit/pipeline/video_init.hpp>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

/// The request that the command would make of these options.
freeinit::GenerationRequest request_of(std::vector<std::string> options, const json& prompt,
                                       const freeinit::Manifest& manifest) {
  options.push_back("--seed=" + std::to_string(prompt["seed"].get<std::uint64_t>()));
  options.push_back(prompt["prompt"]);
  CLI::App parser;
  freeinit_cli::GenerateArguments arguments;
  freeinit_cli::add_generate_options(parser, arguments);
  std::reverse(options.begin(), options.end());  // CLI11 takes them from the back
  parser.parse(options);
  auto request = arguments.request(manifest);
  freeinit_cli::Console console;
  (void)arguments.video_init.read(request, console);  // latents only: the clips are encoded already
  return request;
}

json scores_of(const at::Tensor& frames, const at::Tensor& latents) {
  const freeinit::ChangeScores change = freeinit::change_scores(frames);
  const auto pixels = freeinit::consistency_scores(frames);
  // [1,C,F,h,w] -> [F,C,h,w]
  const auto latent = freeinit::consistency_scores(latents[0].transpose(0, 1).contiguous());
  return {{"motion_energy", change.motion_energy},
          {"flicker", freeinit::temporal_flickering(change)},
          {"temporal_deviation", change.temporal_deviation},
          {"pixel_consistency", pixels.temporal_consistency},
          {"pixel_subject", pixels.subject_consistency},
          {"pixel_adjacent", pixels.adjacent_consistency},
          {"latent_consistency", latent.temporal_consistency},
          {"latent_subject", latent.subject_consistency},
          {"latent_adjacent", latent.adjacent_consistency}};
}

struct Evaluation {
  const freeinit::TextToVideoPipeline& pipeline;
  std::shared_ptr<const freeinit_evaluation::MemoizedUNet> unet;
  std::filesystem::path out;
  json configurations;

  /// The prompt's real clip as latents, on file.
  [[nodiscard]] std::string encoded_clip(const json& prompt) const {
    const auto& size = pipeline.bundle().manifest().recommended;
    const at::Tensor frames = freeinit::load_tensor(prompt["clip"].get<std::string>());
    const at::Tensor latents =
        freeinit::encode_clip(*pipeline.bundle().autoencoder(), frames, size.height, size.width);
    const auto file = out / "clip_latents.safetensors";
    freeinit::save_tensors(file, {{"latents", latents}});
    return file.string();
  }

  void run(const json& prompt) const {
    const std::string clip = encoded_clip(prompt);
    std::map<std::string, at::Tensor> videos;
    json answer{{"index", prompt["index"]}, {"results", json::object()}};
    for (const std::string name : prompt["configurations"]) {
      auto options = configurations[name].get<std::vector<std::string>>();
      std::replace(options.begin(), options.end(), std::string("{clip}"), clip);
      const auto request = request_of(options, prompt, pipeline.bundle().manifest());
      const auto result = pipeline.generate(request);
      const at::Tensor frames = result.frames[0].mul(255).round().to(at::kByte);
      videos[name] = frames;
      answer["results"][name] = {{"unet_calls", result.unet_calls},
                                 {"calls_per_pass", result.calls_per_pass[0]},
                                 {"completed_passes", result.completed_passes},
                                 {"scores", scores_of(frames, result.latents)}};
    }
    answer["network_calls_made"] = unet->calls_made();
    unet->forget();
    const auto file = out / (std::to_string(prompt["index"].get<int>()) + ".safetensors");
    freeinit::save_tensors(file, videos);
    answer["frames"] = file.string();
    std::cout << answer.dump() << std::endl;
  }
};

int evaluate(const std::filesystem::path& folder, const char* jobs_file, const char* out) {
  const json jobs = json::parse(std::ifstream(jobs_file));
  auto bundle = freeinit::ModelBundle::load(folder);
  const auto unet = std::make_shared<const freeinit_evaluation::MemoizedUNet>(bundle.unet());
  bundle = bundle.with(unet);
  const freeinit::TextToVideoPipeline pipeline(std::move(bundle));
  const Evaluation evaluation{pipeline, unet, out, jobs["configurations"]};
  for (const json& prompt : jobs["prompts"]) evaluation.run(prompt);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: evaluation_driver BUNDLE JOBS.json OUT THREADS\n";
    return 2;
  }
  try {
    at::set_num_threads(std::stoi(argv[4]));
    return evaluate(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
