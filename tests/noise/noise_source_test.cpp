#include <freeinit/noise/noise_source.hpp>

#include <gtest/gtest.h>

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
