// Makes the videos of the evaluation in one process. Reads one request a line from stdin, as JSON,
// and answers with a line of JSON on stdout:
//
//     evaluation_driver BUNDLE THREADS
//
//     {"group": 3, "clip": "clip.safetensors", "output": "frames.safetensors",
//      "request": {"prompt": ..., "seed": ..., "num_iters": 3, ...}}
//
// "clip", where it stands, is a rendered clip [F,H,W,3] uint8 whose noise the run starts from.
// "output" gets the frames [F,H,W,3] uint8. Network calls that requests of one group share (all
// begin with the same plain pass) are made once: neighbours of one group should stand together.

#include "memoized_unet.hpp"

#include <freeinit/analysis/consistency.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/pipeline/clip_latents.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

namespace {

using nlohmann::json;

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

class Evaluation {
 public:
  explicit Evaluation(const freeinit::ModelBundle& bundle)
      : unet_(std::make_shared<const freeinit_evaluation::MemoizedUNet>(bundle.unet())),
        pipeline_(bundle.with(unet_)) {}

  json answer(const json& line) {
    if (line.at("group") != group_) unet_->forget();
    group_ = line.at("group");
    const freeinit::ModelBundle& bundle = pipeline_.bundle();
    const auto request =
        freeinit::request_from_json(line.at("request").dump(), bundle.manifest().recommended);
    freeinit::GenerationInputs inputs;
    if (line.contains("clip")) {
      const at::Tensor clip = freeinit::load_tensor(line["clip"].get<std::string>());
      inputs.video_latents =
          freeinit::encode_clip(*bundle.autoencoder(), clip, request.height, request.width);
    }
    const std::int64_t calls_before = unet_->calls_made();
    const auto result = pipeline_.generate(request, inputs);
    const freeinit::GeneratedVideo& video = result.videos.front();
    const at::Tensor frames = video.frames.mul(255).round().to(at::kByte);
    freeinit::save_tensors(line.at("output").get<std::string>(), {{"frames", frames}});
    return {{"unet_calls", video.unet_calls},
            {"calls_per_pass", video.calls_per_pass},
            {"network_calls_made", unet_->calls_made() - calls_before},
            {"scores", scores_of(frames, video.latents)}};
  }

 private:
  std::shared_ptr<const freeinit_evaluation::MemoizedUNet> unet_;
  freeinit::TextToVideoPipeline pipeline_;
  json group_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: evaluation_driver BUNDLE THREADS\n";
    return 2;
  }
  try {
    at::set_num_threads(std::stoi(argv[2]));
    Evaluation evaluation(freeinit::ModelBundle::load(argv[1]));
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << evaluation.answer(json::parse(line)) << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
