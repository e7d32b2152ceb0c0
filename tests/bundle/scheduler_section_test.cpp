#include "bundle/manifest_example.hpp"

#include <freeinit/bundle/manifest.hpp>

#include <gtest/gtest.h>

namespace scheduler_section_test {
namespace {

using freeinit::parse_manifest;
using io_test::example_manifest;
using nlohmann::json;

TEST(SchedulerSection, ReadsTheSettingsOfEverySampler) {
  json text = example_manifest();
  text["scheduler"] = {{"_class_name", "DPMSolverMultistepScheduler"},
                       {"use_karras_sigmas", true},
                       {"use_exponential_sigmas", false},
                       {"final_sigmas_type", "sigma_min"},
                       {"solver_order", 3},
                       {"solver_type", "heun"},
                       {"algorithm_type", "sde-dpmsolver++"},
                       {"lower_order_final", false},
                       {"euler_at_final", true}};
  EXPECT_EQ(parse_manifest(text.dump(), "m").scheduler,
            (freeinit::SamplerConfig{.sampler = "DPMSolverMultistepScheduler",
                                     .timestep_spacing = freeinit::TimestepSpacing::linspace,
                                     .sigma_spacing = freeinit::SigmaSpacing::karras,
                                     .final_sigmas_type = freeinit::FinalSigma::sigma_min,
                                     .solver_order = 3,
                                     .algorithm_type = freeinit::AlgorithmType::sde_dpmsolver_pp,
                                     .solver_type = freeinit::SolverType::heun,
                                     .lower_order_final = false,
                                     .euler_at_final = true}));
  text["scheduler"] = {{"_class_name", "LCMScheduler"},
                       {"original_inference_steps", 100},
                       {"timestep_scaling", 5.0}};
  const freeinit::SamplerConfig lcm = parse_manifest(text.dump(), "m").scheduler;
  EXPECT_EQ(lcm.original_inference_steps, 100);
  EXPECT_EQ(lcm.timestep_scaling, 5.0);
  EXPECT_FALSE(lcm.clip_sample) << "the class's own default";
  EXPECT_EQ(lcm.beta_schedule, freeinit::BetaSchedule::scaled_linear);
  text["scheduler"] = {{"_class_name", "UniPCMultistepScheduler"}, {"predict_x0", false}};
  EXPECT_FALSE(parse_manifest(text.dump(), "m").scheduler.predict_x0);
  text["scheduler"] = {{"_class_name", "PNDMScheduler"}, {"skip_prk_steps", true}};
  EXPECT_FALSE(parse_manifest(text.dump(), "m").scheduler.set_alpha_to_one);
}

}  // namespace
}  // namespace scheduler_section_test
