// Several threads on one loaded pipeline: the weights are in memory once, and each video is bit for
// bit what it would be alone.
//
//   threads BUNDLE PROMPT THREADS VIDEOS FOLDER
//
// More threads help where one network call does not keep all cores busy: with small models, or with
// LibTorch's own threads turned down (OMP_NUM_THREADS=1, as many threads as cores).

#include <freeinit/freeinit.hpp>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

/// What the threads share: a pipeline, which does not change, and the number of the next video.
struct Work {
  const freeinit::TextToVideoPipeline& pipeline;
  const freeinit::GenerationRequest& request;
  std::filesystem::path folder;
  std::uint64_t videos = 0;
  std::atomic<std::uint64_t> next = 0;
  std::stop_source stop{};  ///< the first failure stops the others
  std::mutex lock{};
  std::exception_ptr failure{};
};

void make_videos(Work& work) {
  freeinit::RunControl control;
  control.stop = work.stop.get_token();
  for (std::uint64_t i = work.next++; i < work.videos; i = work.next++) {
    freeinit::GenerationRequest request =
        work.request;  // a request is plain data, each has its own
    request.seed += i;
    const auto result = work.pipeline.generate(request, {}, control);
    if (result.cancelled) return;
    const auto file = work.folder / ("video_" + std::to_string(request.seed) + ".mp4");
    freeinit::save_video_frames(file, result.videos[0].frames, request.file_fps());
  }
}

/// No exception may leave a thread.
void guarded(Work& work) {
  try {
    make_videos(work);
  } catch (...) {
    const std::scoped_lock one_at_a_time(work.lock);
    if (!work.failure) work.failure = std::current_exception();
    work.stop.request_stop();
  }
}

void run(const char* bundle, const char* prompt, int threads, int videos, const char* folder) {
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(bundle));
  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  request.prompt = prompt;
  request.seed = 42;
  std::filesystem::create_directories(folder);
  Work work{.pipeline = pipeline,
            .request = request,
            .folder = folder,
            .videos = static_cast<std::uint64_t>(videos)};
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) workers.emplace_back([&work] { guarded(work); });
  }  // waits for them
  if (work.failure) std::rethrow_exception(work.failure);
  std::cout << videos << " videos by " << threads << " threads in " << folder << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: threads BUNDLE PROMPT THREADS VIDEOS FOLDER\n";
    return 2;
  }
  const int threads = std::atoi(argv[3]);  // 0 for what is no number
  const int videos = std::atoi(argv[4]);
  if (threads < 1 || videos < 1) {
    std::cerr << "error: THREADS and VIDEOS: expected 1 or more of each\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], threads, videos, argv[5]);
    return 0;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
