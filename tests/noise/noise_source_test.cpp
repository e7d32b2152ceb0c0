#include <freeinit/noise/noise_source.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace noise_source_test {
namespace {

using freeinit::NoiseSource;

// A copy would silently repeat the noise of its original.
static_assert(!std::is_copy_constructible_v<NoiseSource>);
static_assert(!std::is_copy_assignable_v<NoiseSource>);
static_assert(std::is_nothrow_move_constructible_v<NoiseSource>);
static_assert(std::is_nothrow_move_assignable_v<NoiseSource>);

TEST(NoiseSource, EqualsTorchDrawAfterDraw) {
  int number = 0;
  const auto sequences = golden::json("numerics/noise.json")["sequences"];
  for (const auto& sequence : sequences) {
    NoiseSource source(sequence["seeds"].get<std::vector<std::uint64_t>>());
    const at::ScalarType dtype = golden::scalar_type(sequence["dtype"]);
    int draw = 0;
    for (const auto& shape : sequence["shapes"]) {
      const std::string key = std::to_string(number) + "_" + std::to_string(draw++);
      EXPECT_TRUE(source.draw(shape.get<std::vector<std::int64_t>>(), dtype)
                      .equal(golden::tensor("numerics/noise.safetensors", key)))
          << sequence << " draw " << key;
    }
    ++number;
  }
  EXPECT_EQ(number, 9);
}

TEST(NoiseSource, OneSeedAndAListOfOneAgree) {
  NoiseSource one(std::uint64_t{5});
  NoiseSource list(std::vector<std::uint64_t>{5});
  EXPECT_TRUE(one.draw({3, 7}).equal(list.draw({3, 7})));
}

TEST(NoiseSource, AVideoOfABatchEqualsItsSingleRun) {
  NoiseSource batch(std::vector<std::uint64_t>{10, 11});
  NoiseSource single(std::uint64_t{11});
  for (int draw = 0; draw < 3; ++draw) {
    EXPECT_TRUE(batch.draw({2, 3, 5})[1].equal(single.draw({1, 3, 5})[0]));
  }
}

TEST(NoiseSource, SourcesAreIndependentOfEachOtherAndOfMoves) {
  NoiseSource first(std::uint64_t{1});
  NoiseSource second(std::uint64_t{1});
  const at::Tensor expected = first.draw({20});
  const at::Tensor expected_next = first.draw({20});
  EXPECT_TRUE(second.draw({20}).equal(expected));
  NoiseSource moved = std::move(second);
  EXPECT_TRUE(moved.draw({20}).equal(expected_next));
  EXPECT_EQ(error_of([&] { (void)second.draw({1}); }).code(),  // NOLINT(bugprone-use-after-move)
            freeinit::ErrorCode::invalid_argument);
}

TEST(NoiseSource, GoesOnFromItsState) {
  for (const std::vector<std::uint64_t>& seeds : {std::vector<std::uint64_t>{7}, {1, 2, 3}}) {
    const auto batch = static_cast<std::int64_t>(seeds.size());
    freeinit::NoiseSource source(seeds);
    // Odd sizes below 16: LibTorch keeps the second value of a pair for the next draw.
    (void)source.draw({batch, 3});
    auto copy = freeinit::NoiseSource::from_state(source.state());
    EXPECT_EQ(copy.num_seeds(), seeds.size());
    for (const std::int64_t size : {1, 5, 100}) {
      EXPECT_TRUE(copy.draw({batch, size}).equal(source.draw({batch, size}))) << size;
    }
    EXPECT_TRUE(copy.state().equal(source.state()));
  }
  freeinit::NoiseSource source(std::uint64_t{1});
  const at::Tensor state = source.state();
  EXPECT_ERROR(invalid_argument, "state", freeinit::NoiseSource::from_state({}));
  EXPECT_ERROR(invalid_argument, "state", freeinit::NoiseSource::from_state(state.slice(1, 1)));
  EXPECT_ERROR(invalid_argument, "state", freeinit::NoiseSource::from_state(state.to(at::kInt)));
  const freeinit::NoiseSource taken = std::move(source);
  EXPECT_ERROR(invalid_argument, "moved from", source.state());
}

TEST(NoiseSource, SchedulesLongClipsAsDiffusersDoes) {
  const auto cases = golden::json("numerics/long_noise.json")["cases"];
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& test = cases[i];
    NoiseSource source(test["seed"].get<std::uint64_t>());
    source.schedule_frames({.length = test["length"],
                            .overlap = test["overlap"],
                            .noise = freeinit::long_noise_from_string(std::string(test["noise"]))});
    const auto wanted = [i](const char* name) {
      return golden::tensor("numerics/long_noise.safetensors", std::to_string(i) + name);
    };
    EXPECT_TRUE(source.draw({1, 2, test["frames"], 3, 3}).equal(wanted("_first"))) << test;
    EXPECT_TRUE(source.draw({7}).equal(wanted("_next"))) << "one window asks for no permutation";
  }
}

/// Which of the first frames each frame is; -1: none.
std::vector<std::int64_t> sources_of(const at::Tensor& noise, std::int64_t length) {
  std::vector<std::int64_t> sources;
  for (std::int64_t frame = 0; frame < noise.size(2); ++frame) {
    std::int64_t source = -1;
    for (std::int64_t i = 0; i < length; ++i) {
      if (noise.select(2, frame).equal(noise.select(2, i))) source = i;
    }
    sources.push_back(source);
  }
  return sources;
}

TEST(NoiseSource, KeepsTheOrderOfFramesForAllDraws) {
  freeinit::ContextOptions context{.length = 8, .overlap = 4};
  context.noise = freeinit::LongNoise::shuffle_context;
  NoiseSource source(std::vector<std::uint64_t>{3, 4});
  source.schedule_frames(context);
  const at::Tensor first = source.draw({2, 1, 22, 2, 2});
  auto copy = NoiseSource::from_state(source.state());
  const at::Tensor second = source.draw({2, 1, 22, 2, 2});
  EXPECT_TRUE(copy.draw({2, 1, 22, 2, 2}).equal(second));
  EXPECT_TRUE(copy.state().equal(source.state()));
  EXPECT_FALSE(second.equal(first));
  for (std::int64_t video = 0; video < 2; ++video) {
    const auto sources = sources_of(first.narrow(0, video, 1), 8);
    EXPECT_EQ(sources_of(second.narrow(0, video, 1), 8), sources);
    for (std::int64_t begin = 8; begin < 20; begin += 4) {  // shuffled: each frame of before once
      std::vector now(sources.begin() + begin, sources.begin() + begin + 4);
      std::vector before(sources.begin() + begin - 8, sources.begin() + begin - 4);
      std::sort(now.begin(), now.end());
      std::sort(before.begin(), before.end());
      EXPECT_EQ(now, before);
    }
  }
  NoiseSource alone(std::uint64_t{4});  // video 1 of the batch
  alone.schedule_frames(context);
  EXPECT_TRUE(alone.draw({1, 1, 22, 2, 2}).equal(first.narrow(0, 1, 1)));
  context.noise = freeinit::LongNoise::repeat_context;
  source.schedule_frames(context);
  EXPECT_EQ(sources_of(source.draw({2, 1, 10, 2, 2}), 8),
            (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 0, 1}));
}

TEST(NoiseSource, RefusesSchedulesThatAreNone) {
  NoiseSource source(std::uint64_t{3});
  EXPECT_ERROR(invalid_argument, "context length '0'", (source.schedule_frames({}), 0));
  source.schedule_frames({.length = 8, .noise = freeinit::LongNoise::shuffle_context});
  (void)source.draw({1, 1, 10, 2, 2});
  at::Tensor state = source.state();
  state[0][-8] = 77;  // of the last frame
  EXPECT_ERROR(invalid_argument, "no schedule of frames", NoiseSource::from_state(state));
  EXPECT_ERROR(invalid_argument, "state", NoiseSource::from_state(state.slice(1, 0, -4)));
}

TEST(NoiseSource, RefusesWhatItCannotDraw) {
  const auto refused = freeinit::ErrorCode::invalid_argument;
  EXPECT_EQ(error_of([] { NoiseSource(std::vector<std::uint64_t>{}); }).code(), refused);
  NoiseSource two(std::vector<std::uint64_t>{1, 2});
  EXPECT_EQ(two.num_seeds(), 2U);
  EXPECT_EQ(error_of([&] { (void)two.draw({3, 4}); }).code(), refused);
  EXPECT_EQ(error_of([&] { (void)two.draw({}); }).code(), refused);
  EXPECT_EQ(error_of([&] { (void)two.draw({2, -1}); }).code(), refused);
  EXPECT_EQ(error_of([&] { (void)two.draw({2, 3}, at::kLong); }).code(), refused);
}

}  // namespace
}  // namespace noise_source_test
