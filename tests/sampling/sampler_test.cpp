#include <freeinit/sampling/inversion.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "sampling/ddim_cases.hpp"
#include "support/error_of.hpp"

namespace sampler_test {
namespace {

using ddim_cases::randn;
using freeinit::NoiseSchedule;

constexpr std::int64_t kShape[] = {1, 2, 3, 4, 4};

TEST(SamplerTable, FindsBothNamesOfEachRow) {
  std::set<std::string_view> names;
  for (const auto& row : freeinit::sampler_table()) {
    EXPECT_TRUE(names.insert(row.name).second && names.insert(row.class_name).second);
    EXPECT_EQ(&freeinit::find_sampler(row.name), &freeinit::find_sampler(row.class_name));
  }
  EXPECT_EQ(freeinit::find_sampler("DDIMScheduler").name, "ddim");
  EXPECT_ERROR(invalid_argument, "sampler 'Ddim': unknown; expected one of ddim, pndm, euler",
               freeinit::find_sampler("Ddim"));
  EXPECT_ERROR(invalid_argument, "'DEISMultistepScheduler'",
               freeinit::make_sampler(NoiseSchedule({.sampler = "DEISMultistepScheduler"}), 5));
}

TEST(Sampler, StartsAtAStrength) {
  const NoiseSchedule schedule({.set_alpha_to_one = false, .steps_offset = 1});
  const auto sampler = freeinit::make_sampler(schedule, 10);
  const at::Tensor clean = randn(1, kShape);
  const at::Tensor noise = randn(2, kShape);
  for (const std::int64_t index : {0, 4, 9}) {
    const auto state = sampler->start_at(index, clean, noise);
    const auto timestep =
        static_cast<std::int64_t>(sampler->timesteps()[static_cast<std::size_t>(index)]);
    EXPECT_EQ(state.index, index);
    EXPECT_TRUE(state.latents.equal(schedule.add_noise(clean, noise, timestep))) << index;
  }
  EXPECT_ERROR(invalid_argument, "step index '10'", sampler->start_at(10, clean, noise));
  EXPECT_ERROR(invalid_argument, "step index '-1'", sampler->start_at(-1, clean, noise));
  EXPECT_ERROR(invalid_argument, "noise", sampler->start_at(0, clean, noise[0]));
}

TEST(NoiseSchedule, SigmasAreNoisePerSignal) {
  const NoiseSchedule schedule({});
  const auto sigmas = schedule.sigmas();
  ASSERT_EQ(sigmas.size(), 1000U);
  const double alpha = schedule.alphas_cumprod()[999];
  EXPECT_NEAR(sigmas[999], std::sqrt((1.0 - alpha) / alpha), 1e-4);
  EXPECT_EQ(schedule.last_timestep(), 999);
  EXPECT_TRUE(std::isinf(NoiseSchedule({.rescale_betas_zero_snr = true}).sigmas().back()));
}

}  // namespace
}  // namespace sampler_test
