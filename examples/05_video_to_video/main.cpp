// A clip and a prompt become another clip: the same movement, other things.
//
//   video_to_video BUNDLE CLIP PROMPT OUTPUT.mp4 [STRENGTH]
//
// STRENGTH, above 0 to 1, says how much of the clip is replaced: each pass adds noise to it and
// runs that share of the steps. BUNDLE needs an encoder, for example models/shapes.

#include <freeinit/freeinit.hpp>

#include <cstdlib>
#include <iostream>

namespace {

void run(const char* folder, const char* clip, const char* prompt, const char* output,
         double strength) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(folder));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  request.real_video.strength = strength;

  const freeinit::VideoFrames read =
      freeinit::load_video_frames(clip, {.max_frames = request.num_frames});
  request.num_frames = read.frames.size(0);  // a short clip makes a short video
  freeinit::GenerationInputs inputs;
  inputs.video_latents = freeinit::encode_clip(*pipeline.bundle().autoencoder(), read.frames,
                                               request.height, request.width);

  const freeinit::GenerationResult result = pipeline.generate(request, inputs);
  const freeinit::GeneratedVideo& video = result.videos[0];
  freeinit::save_video_frames(output, video.frames, request.file_fps());
  std::cout << output << ": " << video.completed_passes << " passes of "
            << video.calls_per_pass.front() << " network calls\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6) {
    std::cerr << "usage: video_to_video BUNDLE CLIP PROMPT OUTPUT.mp4 [STRENGTH]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], argv[4], argc == 6 ? std::atof(argv[5]) : 0.6);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
