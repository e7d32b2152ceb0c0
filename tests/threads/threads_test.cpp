// What several threads of a program share. The assertions hold in every form; the form `tsan` also
// sees a race that did no harm this time. It needs no suppressions: LibTorch, which is built
// without ThreadSanitizer, is not in it.

#include "io/raw_file.hpp"
#include "support/temporary_folder.hpp"
#include "text/clip_files.hpp"

#include <freeinit/bundle/hash_stamps.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/impl/networks/late_network_inl.hpp>
#include <freeinit/io/safetensors.hpp>
#include <freeinit/io/sha256.hpp>
#include <freeinit/io/video_file.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/text/mend_text.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace threads_test {
namespace {

constexpr int kThreads = 8;
constexpr int kRounds = 20;

/// body(thread) on eight threads that begin together.
void on_eight(const std::function<void(int)>& body) {
  std::barrier begin(kThreads);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      begin.arrive_and_wait();
      body(thread);
    });
  }
}

TEST(Threads, AStopFromAnotherThreadEndsEachRun) {
  std::stop_source stop;
  std::atomic<int> reported = 0;
  std::atomic<int> stopped = 0;
  const freeinit::RunControl control{
      .progress = [&](const freeinit::Progress& progress) { reported += progress.step; },
      .log = {},
      .stop = stop.get_token()};
  on_eight([&](int thread) {
    for (int step = 1; !control.stop.stop_requested(); ++step) {
      control.report({.step = 1});
      if (thread == 0 && step == kRounds) stop.request_stop();
    }
    ++stopped;
  });
  EXPECT_EQ(stopped, kThreads);
  EXPECT_GE(reported, kRounds);
}

TEST(Threads, ALateNetworkIsReadOnceAndStaysWhileItRuns) {
  std::atomic<int> loads = 0;
  const freeinit::detail::LateNetwork<std::vector<int>> late([&] {
    ++loads;
    return std::make_unique<const std::vector<int>>(100, 7);
  });
  on_eight([&](int) { EXPECT_EQ(late.get()->back(), 7); });
  EXPECT_EQ(loads, 1);
  on_eight([&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      const auto network = late.get();
      if (thread % 2 == 0) late.release();
      EXPECT_EQ(network->front(), 7);
    }
  });
}

TEST(Threads, ReadersSeeAWholeFileWhateverIsWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state.safetensors";
  const auto write = [&](std::uint8_t value) {
    const std::vector<std::uint8_t> bytes(10'000, value);
    freeinit::write_safetensors(path, {{"x", {"U8", {10'000}, std::as_bytes(std::span(bytes))}}},
                                {{"of", "a run"}});
  };
  write(kThreads);
  on_eight([&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      if (thread % 2 == 0) {
        write(static_cast<std::uint8_t>(thread));
        continue;
      }
      const freeinit::SafetensorsReader file(path);
      EXPECT_EQ(file.tensors().at("x").end, 10'000U);
      const std::string content = io_test::file_content(path);
      ASSERT_GT(content.size(), 10'000U);
      EXPECT_EQ(content.find_last_not_of(content.back()), content.size() - 10'001);
    }
  });
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Threads, HashStampsOfOneFile) {
  const TemporaryFolder folder;
  const auto store = folder.path() / "stamps.json";
  const std::filesystem::path file = FREEINIT_SOURCE_DIR "/LICENSE";
  const std::string hash = freeinit::sha256_of_file(file);
  on_eight([&](int) {
    for (int i = 0; i < kRounds; ++i) {
      freeinit::HashStamps stamps(store);
      EXPECT_EQ(stamps.sha256_of(file, hash), hash);
      stamps.save();
    }
  });
  EXPECT_TRUE(freeinit::HashStamps(store).knows(file, hash));
}

TEST(Threads, TextAndSettings) {
  const std::string text = "the red circle &rsquo; moving right";
  const auto ids = text_test::shared_tokenizer().tokenize(freeinit::mend_text(text));
  const freeinit::GenerationRequest request{.prompt = text};
  const std::string json = freeinit::request_to_json(request);
  on_eight([&](int) {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_EQ(text_test::shared_tokenizer().tokenize(freeinit::mend_text(text)), ids);
      EXPECT_EQ(freeinit::request_to_json(freeinit::request_from_json(json)), json);
    }
  });
}

/// Frames of one colour, written and read; all videos of one thread have the same bytes.
TEST(Threads, VideosOfSeveralFormats) {
  const TemporaryFolder folder;
  constexpr std::array<const char*, 4> kNames{"a.mp4", "a.webm", "a.gif", "frames/"};
  const std::vector<std::uint8_t> frame(std::size_t{32} * 32 * 3, 90);
  const auto write = [&](const std::filesystem::path& path) {
    freeinit::VideoWriter writer(path, {.width = 32, .height = 32});
    for (int i = 0; i < 3; ++i) writer.add_frame(frame);
    writer.finish();
  };
  on_eight([&](int thread) {
    const auto mine = folder.path() / std::to_string(thread);
    std::filesystem::create_directory(mine);
    const auto path = mine / kNames[static_cast<std::size_t>(thread) % kNames.size()];
    write(path);
    const auto video = freeinit::read_video(path, 16);
    EXPECT_EQ(video.num_frames, 3);
    EXPECT_EQ(video.width, 32);
  });
  for (int thread = 0; thread < 3; ++thread) {  // of a thread and of its neighbour by four
    const auto* const name = kNames[static_cast<std::size_t>(thread)];
    EXPECT_EQ(io_test::file_content(folder.path() / std::to_string(thread) / name),
              io_test::file_content(folder.path() / std::to_string(thread + 4) / name));
  }
}

}  // namespace
}  // namespace threads_test
