// A prompt becomes a video: the whole path through the library.
//
//   text_to_video BUNDLE PROMPT OUTPUT.mp4 [DEVICE]
//
// BUNDLE is a folder made by freeinit-export, for example models/shapes.

#include <freeinit/freeinit.hpp>

#include <iostream>
#include <string_view>

namespace {

void print_progress(const freeinit::Progress& progress) {
  std::cerr << '\r' << to_string(progress.phase) << " pass " << progress.pass + 1 << '/'
            << progress.num_passes << " step " << progress.step << '/' << progress.num_steps
            << "      ";
}

void print_message(freeinit::LogLevel level, std::string_view message) {
  const bool warns = level == freeinit::LogLevel::warning;
  std::cerr << (warns ? "\nwarning: " : "\nnote: ") << message << '\n';
}

void run(const char* folder, const char* prompt, const char* output, const char* device) {
  freeinit::RunControl control;
  control.progress = print_progress;
  control.log = print_message;

  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(
      folder, {.device = freeinit::device_from_string(device)}, control));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  request.free_init.num_iters = 3;  // 1 = plain sampling

  const freeinit::GenerationResult result = pipeline.generate(request, {}, control);
  freeinit::save_video_frames(output, result.videos[0].frames, request.file_fps());
  std::cerr << '\n'
            << output << ": " << request.num_frames << " frames, " << result.unet_calls()
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
