// More frames than the model was made for, and a text that changes on the way. The network sees
// windows, frames go to the file as they are decoded: memory is that of a short clip.
//
//   long_clip BUNDLE FRAMES PROMPT LAST_PROMPT OUTPUT.mp4

#include <freeinit/freeinit.hpp>

#include <cstdlib>
#include <iostream>
#include <span>

namespace {

/// Decodes the latents of a video, a few frames at a time.
void write(const freeinit::Autoencoder& autoencoder, const at::Tensor& latents,
           const freeinit::GenerationRequest& request, const char* output) {
  freeinit::VideoWriter video(
      output, {.width = request.width, .height = request.height, .fps = request.file_fps()});
  const auto add = [&](std::int64_t, std::int64_t, const at::Tensor& frames) {
    for (std::int64_t i = 0; i < frames.size(0); ++i) {
      const at::Tensor bytes = freeinit::frame_bytes(frames[i], request.free_init.profile);
      video.add_frame(std::span(bytes.const_data_ptr<std::uint8_t>(), bytes.nbytes()));
    }
  };
  freeinit::decode_video_to(autoencoder, latents, /*chunk_size=*/4, add);
  video.finish();
}

void run(const char* folder, std::int64_t frames, const char* first, const char* last,
         const char* output) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(folder));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.num_frames = frames;
  request.prompt = first;
  request.prompt_at = {{frames - 1, last}};
  request.context.noise = freeinit::LongNoise::shuffle_context;

  freeinit::GenerationHooks hooks;
  hooks.decode = false;
  hooks.on_video = [&](const freeinit::GeneratedVideo& video) {
    write(*pipeline.bundle().autoencoder(), video.latents, request, output);
  };
  freeinit::RunControl control;
  control.log = [](freeinit::LogLevel, std::string_view note) { std::cerr << note << '\n'; };
  const auto result = pipeline.generate(request, {}, control, hooks);
  std::cerr << output << ": " << frames << " frames, " << result.unet_calls() << " calls\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: long_clip BUNDLE FRAMES PROMPT LAST_PROMPT OUTPUT.mp4\n";
    return 2;
  }
  try {
    run(argv[1], std::atoll(argv[2]), argv[3], argv[4], argv[5]);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
