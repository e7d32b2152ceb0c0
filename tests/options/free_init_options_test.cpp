#include <freeinit/options/free_init_options.hpp>
#include <freeinit/options/generation_request.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "support/error_of.hpp"

namespace free_init_options_test {
namespace {

using freeinit::FreeInitOptions;
using freeinit::GenerationRequest;
using Steps = std::vector<std::int64_t>;

FreeInitOptions fast(std::int64_t num_iters,
                     freeinit::Profile profile = freeinit::Profile::diffusers) {
  return {.num_iters = num_iters, .fast_sampling = true, .profile = profile};
}

TEST(StepsPerPass, FollowsTheOriginalsRounding) {
  EXPECT_EQ(freeinit::steps_per_pass(fast(5), 25), (Steps{5, 10, 15, 20, 25}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(3), 25), (Steps{8, 16, 25}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(3), 20), (Steps{6, 13, 20}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(5), 50), (Steps{10, 20, 30, 40, 50}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(7), 61), (Steps{8, 17, 26, 34, 43, 52, 60}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(3), 2), (Steps{1, 1, 2}));
  EXPECT_EQ(freeinit::steps_per_pass({}, 25), (Steps{25, 25, 25}));
}

TEST(StepsPerPass, ProfilesDifferWhereAPassWouldBeEmpty) {
  const auto official = freeinit::Profile::official;
  EXPECT_EQ(freeinit::steps_per_pass(fast(3, official), 3), (Steps{1, 2, 3}));
  EXPECT_ERROR(invalid_argument, "would have no step",
               freeinit::steps_per_pass(fast(3, official), 2));
  EXPECT_ERROR(invalid_argument, "num_inference_steps '0'", freeinit::steps_per_pass({}, 0));
  EXPECT_EQ(freeinit::profile_from_string("official"), official);
  EXPECT_EQ(to_string(freeinit::Profile::diffusers), "diffusers");
  EXPECT_ERROR(invalid_argument, "diffusers, official", freeinit::profile_from_string("webui"));
}

template <class Change>
void expect_refused(const char* word, const Change& change) {
  GenerationRequest request;
  change(request);
  EXPECT_ERROR(invalid_argument, word, request.validate());
}

TEST(GenerationRequest, RefusesWhatNoModelCanDo) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NO_THROW(GenerationRequest{}.validate());
  expect_refused("number of videos '0'", [](auto& r) { r.num_videos = 0; });
  expect_refused("number of frames '0'", [](auto& r) { r.num_frames = 0; });
  expect_refused("height '-4'", [](auto& r) { r.height = -4; });
  expect_refused("decode chunk size '0'", [](auto& r) { r.decode_chunk_size = 0; });
  expect_refused("cache interval '0'", [](auto& r) { r.cache_interval = 0; });
  expect_refused("guidance scale 'nan'", [=](auto& r) { r.guidance_scale = nan; });
  expect_refused("guidance interval '0.5 to 0.2'", [](auto& r) {
    r.guidance_interval = {0.5, 0.2};
  });
  expect_refused("guidance interval", [=](auto& r) { r.guidance_interval = {nan, 1.0}; });
  expect_refused("fps '0'", [](auto& r) { r.fps = 0; });
  expect_refused("output fps 'inf'", [](auto& r) { r.output_fps = 1.0 / 0.0; });
  expect_refused("num_iters '1001'", [](auto& r) { r.free_init.num_iters = 1001; });
  expect_refused("filters '[]'", [](auto& r) { r.free_init.filters.clear(); });
  expect_refused("order", [=](auto& r) { r.free_init.filters[0].order = nan; });
  expect_refused("mix ratio", [](auto& r) { r.free_init.mix.ratio = 2.0; });
  expect_refused("budget of calls '0'", [](auto& r) { r.free_init.budget_calls = 0; });
}

}  // namespace
}  // namespace free_init_options_test
