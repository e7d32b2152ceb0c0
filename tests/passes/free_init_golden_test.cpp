#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "support/devices.hpp"
#include "support/golden.hpp"

namespace free_init_golden_test {
namespace {

// float32: the real FFT pair differs from the reference by at most 2e-6, and the few steps after it
// amplify that little. Half precision: a difference of one rounding (2^-10, 2^-7) can appear where
// a value lies close to the middle of two representable ones, and be amplified likewise.
double tolerance_for(at::ScalarType dtype) {
  if (dtype == at::kHalf) return 4e-3;
  return dtype == at::kBFloat16 ? 3e-2 : 1e-5;
}

freeinit::FreeInitOptions options_of(const nlohmann::json& row) {
  freeinit::FreeInitOptions options;
  options.num_iters = row["num_iters"];
  options.fast_sampling = row["fast"];
  options.filters = {{freeinit::filter_method_from_string(row["method"].get<std::string>()),
                      row["order"], row["d_s"], row["d_t"], freeinit::FilterVariant::official}};
  return options;
}

void expect_what_diffusers_gives(at::Device device) {
  golden::Largest largest("largest_float32_difference");
  int number = 0;
  const auto cases = golden::json("numerics/free_init.json")["cases"];
  for (const auto& row : cases) {
    const auto sizes = row["shape"].get<std::vector<std::int64_t>>();
    const freeinit::LatentShape shape{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]};
    const at::ScalarType dtype = golden::scalar_type(row["dtype"]);
    const at::Tensor pattern =
        ddim_cases::randn(12, at::IntArrayRef(sizes).slice(1)).to(device, dtype);
    std::vector<at::Tensor> passes;
    freeinit::FreeInitSettings settings{.shape = shape,
                                        .options = options_of(row),
                                        .num_inference_steps = row["steps"],
                                        .eta = row["eta"],
                                        .dtype = dtype,
                                        .device = device};
    if (row.contains("initial_noise_seed")) {
      settings.initial_noise = ddim_cases::randn(row["initial_noise_seed"], sizes);
    }
    freeinit::RunHooks hooks;
    hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
      EXPECT_EQ(static_cast<std::size_t>(at.pass), passes.size());
      passes.push_back(latents);
    };
    const freeinit::FreeInitResult result = freeinit::free_init(
        [&](const at::Tensor& latents, double t) { return ddim_cases::model(latents, t, pattern); },
        freeinit::NoiseSchedule(ddim_cases::config_from(row["config"])), settings,
        freeinit::NoiseSource(row["seeds"].get<std::vector<std::uint64_t>>()), {}, hooks);

    const at::Tensor theirs =
        golden::tensor("numerics/free_init.safetensors", "passes_" + std::to_string(number++));
    const double difference = golden::relative_difference(at::stack(passes).cpu(), theirs);
    EXPECT_LE(difference, tolerance_for(dtype)) << row;
    if (dtype == at::kFloat) largest(difference);
    EXPECT_TRUE(result.latents.equal(passes.back()));
    EXPECT_EQ(result.latents.scalar_type(), dtype);
    EXPECT_EQ(result.completed_passes, row["num_iters"].get<int>());
    EXPECT_FALSE(result.cancelled);
  }
  EXPECT_GT(number, 20);
}

TEST(FreeInitGolden, RunsEqualDiffusersPassByPass) {
  for (const at::Device device : test_devices()) {
    SCOPED_TRACE(device.str());
    expect_what_diffusers_gives(device);
  }
}

}  // namespace
}  // namespace free_init_golden_test
