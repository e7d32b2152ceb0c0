// Frames as the bytes that the command writes, with a bar, warnings and Ctrl-C.
//
//   frames BUNDLE PROMPT OUTPUT.rgb
//
// OUTPUT.rgb is frame after frame of red, green and blue: ffmpeg -f rawvideo -pix_fmt rgb24.

#include <freeinit/freeinit.hpp>

#include <csignal>
#include <fstream>
#include <iostream>

namespace {

/// A signal handler may do no more than set it.
volatile std::sig_atomic_t interrupted = 0;

/// [F,H,W,3], uint8.
at::Tensor make_frames(const freeinit::TextToVideoPipeline& pipeline,
                       const freeinit::GenerationRequest& request) {
  std::stop_source stop;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&stop](const freeinit::Progress& at) {
    if (interrupted != 0) stop.request_stop();  // a complete pass is kept, else Error: cancelled
    if (at.planned_calls > 0) std::cerr << '\r' << 100 * at.calls / at.planned_calls << " %";
  };
  control.log = [](freeinit::LogLevel level, std::string_view message) {
    if (level == freeinit::LogLevel::warning) std::cerr << "warning: " << message << '\n';
  };
  const freeinit::GenerationResult result = pipeline.generate(request, {}, control);
  return freeinit::frame_bytes(result.videos[0].frames, request.free_init.profile);
}

void run(const char* bundle, const char* prompt, const char* output) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(bundle));
  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  const at::Tensor frames = make_frames(pipeline, request).contiguous();
  std::ofstream(output, std::ios::binary)
      .write(static_cast<const char*>(frames.const_data_ptr()),
             static_cast<std::streamsize>(frames.nbytes()));
  std::cerr << '\n' << output << ": " << frames.sizes() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: frames BUNDLE PROMPT OUTPUT.rgb\n";
    return 2;
  }
  std::signal(SIGINT, [](int) { interrupted = 1; });
  try {
    run(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "\nerror: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
