// A prompt becomes a video: the whole path through the library.
//
//   text_to_video BUNDLE PROMPT OUTPUT.mp4 [DEVICE]
//
// BUNDLE is a folder made by freeinit-export, for example models/shapes.

#include <freeinit/core/error.hpp>
#include <freeinit/io/video_file.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <cstdint>
#include <iostream>
#include <span>
#include <string_view>

namespace {

void print_progress(const freeinit::Progress& progress) {
  std::cerr << '\r' << to_string(progress.phase) << " pass " << progress.pass + 1 << '/'
            << progress.num_passes << " step " << progress.step << '/' << progress.num_steps
            << "      ";
}

void print_message(freeinit::LogLevel, std::string_view message) {
  std::cerr << "\nnote: " << message << '\n';
}

/// `frames`: [F,H,W,3] in 0..1.
void write_video(const char* path, const at::Tensor& frames, double fps) {
  const at::Tensor bytes = frames.mul(255).round().to(at::kByte).contiguous();
  const std::size_t frame_size = static_cast<std::size_t>(bytes[0].numel());
  freeinit::VideoWriter writer(path, {.width = static_cast<int>(bytes.size(2)),
                                      .height = static_cast<int>(bytes.size(1)),
                                      .fps = fps});
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    writer.add_frame(std::span(bytes[i].const_data_ptr<std::uint8_t>(), frame_size));
  }
  writer.finish();
}

void run(const char* folder, const char* prompt, const char* output, const char* device) {
  freeinit::RunControl control;
  control.progress = print_progress;
  control.log = print_message;

  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(
      folder, {.device = freeinit::device_from_string(device)}, control));

  auto request = freeinit::GenerationRequest::from_manifest(pipeline.bundle().manifest());
  request.prompt = prompt;
  request.seed = 42;
  request.free_init.num_iters = 3;  // 1 = plain sampling

  const freeinit::GenerationResult result = pipeline.generate(request, control);
  write_video(output, result.frames[0], request.fps);
  std::cerr << '\n'
            << output << ": " << result.frames.size(1) << " frames, " << result.unet_calls
            << " network calls, " << result.seconds.at(freeinit::Phase::denoise)
            << " s of denoising\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) {
    std::cerr << "usage: text_to_video BUNDLE PROMPT OUTPUT.mp4 [DEVICE]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], argc == 5 ? argv[4] : "cpu");
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "\nerror: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
