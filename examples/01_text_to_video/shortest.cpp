#include <freeinit/freeinit.hpp>

int main() {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load("models/shapes"));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = "a red circle moving right";
  request.seed = 42;
  request.free_init.num_iters = 3;  // 1 = plain sampling

  const freeinit::GenerationResult result = pipeline.generate(request);
  freeinit::save_video_frames("circle.mp4", result.videos[0].frames, request.file_fps());
}
