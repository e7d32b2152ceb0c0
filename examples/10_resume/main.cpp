// A run that goes on after a crash, to the same bits. Started again with the same arguments it
// goes on from the folder; without one in the folder it begins.
//
//   resume BUNDLE PROMPT OUTPUT.mp4 FOLDER [CALLS]
//
// After CALLS network calls the program dies, as it would without power; default: never.

#include <freeinit/freeinit.hpp>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

namespace {

using Hashes = std::map<std::string, std::string>;

freeinit::CheckpointFolder new_run(const freeinit::Manifest& manifest, const char* prompt,
                                   const char* folder, const Hashes& bundle) {
  freeinit::GenerationRequest request = manifest.recommended;
  request.prompt = prompt;
  request.seed = 42;
  request.free_init.num_iters = 3;
  return freeinit::CheckpointFolder::create(folder, {.request = request, .bundle = bundle});
}

/// The request is that of the folder. Another model would make other bits, so it is refused.
freeinit::CheckpointFolder kept_run(const char* folder, const Hashes& bundle) {
  auto kept = freeinit::CheckpointFolder::open(folder);
  kept.check_bundle(bundle);
  return kept;
}

void run(const char* bundle, const char* prompt, const char* output, const char* folder,
         int calls) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(bundle));
  const freeinit::Manifest& manifest = pipeline.bundle().manifest();
  const Hashes hashes = freeinit::bundle_hashes(bundle, manifest);
  const bool goes_on = freeinit::CheckpointFolder::holds_run(folder);
  const auto kept = goes_on ? kept_run(folder, hashes) : new_run(manifest, prompt, folder, hashes);

  freeinit::GenerationHooks hooks;
  kept.add_to(hooks, pipeline.bundle().device());
  hooks.checkpoint_every = 2;  // network calls; 0: only after each pass

  int made = 0;
  freeinit::RunControl control;
  control.progress = [&](const freeinit::Progress& progress) {
    if (progress.phase != freeinit::Phase::denoise || progress.step == 0) return;
    if (++made == 1 && goes_on) {
      std::cout << "goes on: call " << progress.calls << " of " << progress.planned_calls << '\n';
    }
    if (made == calls) std::_Exit(9);
  };
  const auto& record = kept.record();
  const auto result = pipeline.generate(record.request, record.inputs, control, hooks);
  freeinit::save_video_frames(output, result.videos[0].frames, record.request.file_fps());
  std::cout << output << ": " << made << " network calls in this process\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6) {
    std::cerr << "usage: resume BUNDLE PROMPT OUTPUT.mp4 FOLDER [CALLS]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], argv[4], argc == 6 ? std::atoi(argv[5]) : 0);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
