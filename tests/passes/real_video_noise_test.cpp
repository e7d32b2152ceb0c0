#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

#include <freeinit/passes/real_video_noise.hpp>
#include <freeinit/sampling/inversion.hpp>

#include <ATen/Functions.h>

namespace video_noise_test {

using freeinit::NoiseSource;
using freeinit::VideoNoiseSource;

const std::vector<std::int64_t> kShape{1, 4, 4, 8, 8};

freeinit::NoiseSchedule video_schedule() {
  return freeinit::NoiseSchedule({.beta_start = 0.00085,
                                  .beta_end = 0.012,
                                  .clip_sample = false,
                                  .set_alpha_to_one = false,
                                  .steps_offset = 1});
}

at::Tensor clip() {
  return NoiseSource(9).draw(kShape).cumsum(2).div(2);
}

TEST(VideoNoise, DiffusesWithTheFirstDraw) {
  NoiseSource noise(7), expected(7);
  const at::Tensor made = freeinit::initial_noise_from_video(clip(), video_schedule(), {}, noise);
  const at::Tensor drawn = expected.draw(kShape);
  EXPECT_TRUE(made.equal(video_schedule().add_noise(clip(), drawn, 999)));
  EXPECT_TRUE(noise.draw(kShape).equal(expected.draw(kShape))) << "draws more than one tensor";
}

TEST(VideoNoise, LowBandTakesItsHighBandFromTheSecondDraw) {
  const freeinit::NoiseReinitializer filter(freeinit::FrequencyFilterOptions{}, 4, 8, 8);
  NoiseSource noise(7), expected(7);
  const at::Tensor made =
      freeinit::initial_noise_from_video(clip(), video_schedule(), {.low_band = filter}, noise);
  const at::Tensor diffused = video_schedule().add_noise(clip(), expected.draw(kShape), 999);
  EXPECT_TRUE(made.equal(filter(diffused, expected.draw(kShape))));
  EXPECT_TRUE(noise.draw(kShape).equal(expected.draw(kShape)));
}

TEST(VideoNoise, InversionComesBack) {
  // A denoiser that does not look at its input is inverted exactly, but for the level at which the
  // first step of either way begins.
  const auto schedule = video_schedule();
  const at::Tensor direction = NoiseSource(3).draw(kShape);
  std::vector<double> asked;
  const freeinit::Denoiser denoiser = [&](const at::Tensor&, double timestep) {
    asked.push_back(timestep);
    return direction;
  };
  NoiseSource noise(7), untouched(7);
  at::Tensor sample = freeinit::initial_noise_from_video(
      clip(), schedule,
      {.source = VideoNoiseSource::invert, .num_inference_steps = 20, .denoiser = denoiser}, noise);
  EXPECT_EQ(asked.size(), 20u);
  EXPECT_LT(asked.front(), asked.back());
  EXPECT_TRUE(noise.draw(kShape).equal(untouched.draw(kShape))) << "the inversion draws";

  const auto forward = freeinit::make_sampler(schedule, 20);
  for (std::size_t i = 0; i < 20; ++i) sample = stepped(*forward, i, direction, sample, noise);
  EXPECT_LT(golden::difference(sample, clip()), 0.05);
}

TEST(VideoNoise, LinspaceIsInvertedOnTheTrailingGrid) {
  auto config = video_schedule().config();
  config.timestep_spacing = freeinit::TimestepSpacing::linspace;
  const auto way = freeinit::make_inversion(freeinit::NoiseSchedule(config), 10);
  EXPECT_EQ(way->timesteps().size(), 10u);
  EXPECT_EQ(way->timesteps().back(), 999);
}

TEST(VideoNoise, ReportsAndStops) {
  std::stop_source stop;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&](const freeinit::Progress& progress) {
    EXPECT_EQ(progress.phase, freeinit::Phase::invert);
    EXPECT_EQ(progress.num_steps, 5);
    if (progress.step == 2) stop.request_stop();
  };
  NoiseSource noise(7);
  const freeinit::Denoiser denoiser = [](const at::Tensor& x, double) { return x; };
  EXPECT_ERROR(
      cancelled, "inversion",
      freeinit::initial_noise_from_video(
          clip(), video_schedule(),
          {.source = VideoNoiseSource::invert, .num_inference_steps = 5, .denoiser = denoiser},
          noise, control));
}

TEST(VideoNoise, RefusesWhatItCannotUse) {
  NoiseSource noise(1);
  const auto make = [&](const at::Tensor& latents, VideoNoiseSource source) {
    return freeinit::initial_noise_from_video(latents, video_schedule(), {.source = source}, noise);
  };
  EXPECT_ERROR(invalid_argument, "[4, 4]", make(at::zeros({4, 4}), VideoNoiseSource::diffuse));
  EXPECT_ERROR(invalid_argument, "denoiser", make(clip(), VideoNoiseSource::invert));
  EXPECT_ERROR(invalid_argument, "diffuse, invert",
               freeinit::video_noise_source_from_string("reverse"));
  EXPECT_EQ(to_string(freeinit::video_noise_source_from_string("invert")), "invert");
}

}  // namespace video_noise_test
