// A real clip lends its movement: the run starts from the clip's noise, not from the clip itself,
// so the new video may show something else altogether.
//
//   real_video_noise BUNDLE CLIP PROMPT OUTPUT.mp4 [diffuse|invert] [full|low]
//
// diffuse adds noise up to the last level; invert walks DDIM backwards, whatever sampler runs then,
// which costs the calls of one more pass and stays closer to the clip. low keeps only the low
// frequencies of that noise, where layout and movement are, and draws the high ones afresh.

#include <freeinit/freeinit.hpp>

#include <iostream>
#include <string_view>

namespace {

void run(const char* folder, const char* clip, const char* prompt, const char* output,
         std::string_view source, std::string_view band) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(folder));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  request.real_video.source = freeinit::video_noise_source_from_string(source);
  request.real_video.low_band = band == "low";

  const freeinit::VideoFrames read =
      freeinit::load_video_frames(clip, {.max_frames = request.num_frames});
  request.num_frames = read.frames.size(0);  // a short clip makes a short video
  freeinit::GenerationInputs inputs;
  inputs.video_latents = freeinit::encode_clip(*pipeline.bundle().autoencoder(), read.frames,
                                               request.height, request.width);

  // Before anything runs: what it will cost.
  std::cout << "network calls: "
            << freeinit::planned_calls(request, pipeline.bundle().manifest(), inputs) << '\n';
  const freeinit::GenerationResult result = pipeline.generate(request, inputs);
  freeinit::save_video_frames(output, result.videos[0].frames, request.file_fps());
  std::cout << output << ": made with " << result.unet_calls() << " network calls\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view band = argc > 6 ? argv[6] : "full";
  if (argc < 5 || argc > 7 || (band != "full" && band != "low")) {
    std::cerr
        << "usage: real_video_noise BUNDLE CLIP PROMPT OUTPUT.mp4 [diffuse|invert] [full|low]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], argv[4], argc > 5 ? argv[5] : "diffuse", band);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
