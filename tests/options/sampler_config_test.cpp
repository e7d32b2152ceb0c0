#include <freeinit/options/frequency_filter_options.hpp>
#include <freeinit/options/real_video_options.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <gtest/gtest.h>

#include "support/error_of.hpp"

namespace sampler_config_test {
namespace {

template <class Value, class From>
void expect_names(From from_string, std::initializer_list<Value> values) {
  for (const Value value : values) EXPECT_EQ(from_string(to_string(value)), value);
}

TEST(Names, OfEveryEnumerationComeBack) {
  using namespace freeinit;
  expect_names(beta_schedule_from_string, {BetaSchedule::linear, BetaSchedule::scaled_linear,
                                           BetaSchedule::squaredcos_cap_v2});
  expect_names(prediction_type_from_string,
               {PredictionType::epsilon, PredictionType::sample, PredictionType::v_prediction});
  expect_names(timestep_spacing_from_string, {TimestepSpacing::leading, TimestepSpacing::linspace,
                                              TimestepSpacing::trailing, TimestepSpacing::uniform});
  expect_names(filter_method_from_string, {FilterMethod::butterworth, FilterMethod::gaussian,
                                           FilterMethod::ideal, FilterMethod::box});
  expect_names(filter_variant_from_string, {FilterVariant::official, FilterVariant::strict});
  expect_names(filter_axes_from_string,
               {FilterAxes::spatio_temporal, FilterAxes::temporal, FilterAxes::spatial});
  expect_names(video_noise_source_from_string,
               {VideoNoiseSource::diffuse, VideoNoiseSource::invert});
}

TEST(Names, UnknownOnesListTheKnownOnes) {
  EXPECT_ERROR(invalid_argument, "linear, scaled_linear, squaredcos_cap_v2",
               freeinit::beta_schedule_from_string("cosine"));
  EXPECT_ERROR(invalid_argument, "official, strict", freeinit::filter_variant_from_string("x"));
}

}  // namespace
}  // namespace sampler_config_test
