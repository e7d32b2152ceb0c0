// Progress, a picture of the video after each pass, and Ctrl-C that keeps what is there.
//
//   preview BUNDLE PROMPT OUTPUT.mp4 PREVIEW.png [PASSES]
//
// PREVIEW.png is replaced after each pass: an image viewer that reloads shows the video settle.
// After PASSES complete passes the program presses its own stop button; default: never.

#include <freeinit/freeinit.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <span>

namespace {

/// A signal handler may do no more than this. A second Ctrl-C ends the program at once.
volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);
}

/// The middle frame of latents [1,C,F,h,w]: one frame is decoded, not the whole video.
void write_preview(const freeinit::Autoencoder& autoencoder, const at::Tensor& latents,
                   const char* file) {
  const at::Tensor middle = latents.narrow(2, latents.size(2) / 2, 1).to(at::kFloat);
  const at::Tensor frames = freeinit::decode_video(autoencoder, middle);  // [1,1,H,W,3]
  const at::Tensor bytes = freeinit::frame_bytes(frames);
  freeinit::write_png(file, std::span(bytes.const_data_ptr<std::uint8_t>(), bytes.nbytes()),
                      bytes.size(3), bytes.size(2));
}

void run(const char* folder, const char* prompt, const char* output, const char* preview,
         int stop_after) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(folder));

  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  request.free_init.num_iters = 3;

  std::stop_source stop;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&stop](const freeinit::Progress& progress) {
    // Here, not in the handler: requesting a stop is not safe there.
    if (interrupted != 0) stop.request_stop();
    if (progress.phase != freeinit::Phase::denoise) return;
    std::cerr << "\rpass " << progress.pass + 1 << " of " << progress.num_passes << ", "
              << 100 * progress.calls / progress.planned_calls << " %" << std::flush;
  };
  freeinit::GenerationHooks hooks;
  hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
    write_preview(*pipeline.bundle().autoencoder(), latents, preview);
    std::cerr << '\n' << preview << ": pass " << at.pass + 1 << '\n';
    if (at.pass + 1 == stop_after) stop.request_stop();
  };

  // A stop before the first pass is complete is an error; a later one keeps the last complete pass.
  const freeinit::GenerationResult result = pipeline.generate(request, {}, control, hooks);
  const freeinit::GeneratedVideo& video = result.videos[0];
  freeinit::save_video_frames(output, video.frames, request.file_fps());
  std::cerr << output << ": " << (video.cancelled ? "stopped" : "finished") << " after "
            << video.completed_passes << " passes\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6) {
    std::cerr << "usage: preview BUNDLE PROMPT OUTPUT.mp4 PREVIEW.png [PASSES]\n";
    return 2;
  }
  std::signal(SIGINT, note_interrupt);
  try {
    run(argv[1], argv[2], argv[3], argv[4], argc == 6 ? std::atoi(argv[5]) : 0);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "\nerror: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
