#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/passes/finite_check_inl.hpp>
#include <freeinit/impl/passes/pass_plan_inl.hpp>
#include <freeinit/impl/passes/state_check_inl.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// One reinitializer for each filter of the run; the last one serves all further passes.
FREEINIT_INLINE std::vector<NoiseReinitializer> make_reinitializers(
    const FreeInitSettings& settings) {
  std::vector<NoiseReinitializer> made;
  const LatentShape& shape = settings.shape;
  for (const FrequencyFilterOptions& filter : settings.options.filters) {
    made.emplace_back(filter, shape.frames, shape.height, shape.width, settings.device,
                      settings.options.mix);
  }
  return made;
}

FREEINIT_INLINE void check_given(const char* name, const at::Tensor& given, at::IntArrayRef sizes) {
  if (!given.defined() || (given.sizes() == sizes && given.is_floating_point())) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", given.sizes(), " ", given.scalar_type(),
                 "': does not fit; expected floating point values of shape ", sizes));
}

}  // namespace detail

FREEINIT_INLINE FreeInit::FreeInit(const NoiseSchedule& schedule, FreeInitSettings settings)
    : schedule_(schedule), settings_(std::move(settings)) {
  check();
  if (!settings_.samplers) settings_.samplers = sampler_factory(schedule_, settings_.eta);
  passes_ = plan_passes(settings_.options, settings_.samplers, settings_.num_inference_steps,
                        settings_.strength);
  if (settings_.reinitializers.empty() && passes_.size() > 1) {
    settings_.reinitializers = detail::make_reinitializers(settings_);
  }
  at::Tensor& sample = settings_.initial_sample;
  if (sample.defined()) sample = sample.to(settings_.device, settings_.dtype);
}

FREEINIT_INLINE void FreeInit::check() const {
  const auto sizes = settings_.shape.sizes();
  if (std::any_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size < 1; })) {
    raise(ErrorCode::invalid_argument, c10::str("latent shape '", at::IntArrayRef(sizes),
                                                "': empty; expected sizes of at least 1"));
  }
  if (!at::isFloatingType(settings_.dtype)) {
    raise(ErrorCode::invalid_argument,
          c10::str("latents' dtype '", settings_.dtype, "': expected a floating point type"));
  }
  detail::check_given("initial noise", settings_.initial_noise, sizes);
  detail::check_given("initial sample", settings_.initial_sample, sizes);
  if (settings_.strength < 1.0 && !settings_.initial_sample.defined()) {
    raise(ErrorCode::invalid_argument,
          c10::str("strength '", settings_.strength, "': needs an initial sample; expected 1"));
  }
}

FREEINIT_INLINE FreeInitState FreeInit::begin(NoiseSource noise) const {
  const auto batch = static_cast<std::size_t>(settings_.shape.batch);
  if (noise.num_seeds() != 1 && noise.num_seeds() != batch) {
    raise(ErrorCode::invalid_argument, c10::str("noise source of '", noise.num_seeds(),
                                                "' seeds: expected 1 or one a video, ", batch));
  }
  FreeInitState state{.noise = std::move(noise)};
  const at::Tensor& given = settings_.initial_noise;
  state.first_noise = given.defined() ? given.to(settings_.device, settings_.dtype)
                                      : state.noise.draw(settings_.shape.sizes(), settings_.dtype,
                                                         settings_.device);
  return state;
}

FREEINIT_INLINE bool FreeInit::is_done(const FreeInitState& state) const noexcept {
  return std::cmp_greater_equal(state.pass, passes_.size());
}

FREEINIT_INLINE void FreeInit::advance(FreeInitState& state, const Denoiser& denoiser,
                                       const RunControl& control, const RunHooks& hooks) const {
  // Denoisers with trainable parameters would otherwise keep every step of every pass in memory.
  const at::NoGradGuard no_grad;
  if (is_done(state)) return;
  if (!state.sample.latents.defined()) begin_pass(state, control, hooks);
  if (control.stop.stop_requested()) return;

  const PassPlan& pass = passes_[static_cast<std::size_t>(state.pass)];
  const Sampler& sampler = *pass.sampler;
  const IntermediateResult handed_on = settings_.options.intermediate.result;
  const std::int64_t step = state.sample.index + 1 - pass.first;
  const bool ends = step == pass.calls;
  const bool is_last = std::cmp_equal(state.pass + 1, passes_.size());
  const bool predicts = ends && !is_last && handed_on != IntermediateResult::full;

  const double timestep = sampler.timesteps()[static_cast<std::size_t>(state.sample.index)];
  const at::Tensor output = denoiser(sampler.scale_model_input(state.sample), timestep);
  ++state.calls;
  const bool shows = hooks.on_prediction && hooks.prediction_every > 0 &&
                     state.calls % hooks.prediction_every == 0;
  at::Tensor prediction;
  if (predicts || shows) prediction = sampler.pred_original_sample(state.sample, output);
  if (!predicts || handed_on == IntermediateResult::partial) {
    sampler.step(state.sample, output, state.noise);
  }
  if (settings_.check_steps) check_step(state, output, step);
  if (shows) hooks.on_prediction({.pass = state.pass, .step = step}, prediction);
  report(Phase::denoise, state, step, pass.calls, control);
  if (ends) end_pass(state, predicts ? prediction : at::Tensor(), hooks);
}

FREEINIT_INLINE void FreeInit::begin_pass(FreeInitState& state, const RunControl& control,
                                          const RunHooks& hooks) const {
  const PassPlan& pass = passes_[static_cast<std::size_t>(state.pass)];
  const Start start = state.pass == 0 ? Start{state.first_noise, settings_.initial_sample}
                                      : reinitialise(state, control);
  const bool noised = start.sample.defined();
  state.sample = noised ? pass.sampler->start_at(pass.first, start.sample, start.noise)
                        : pass.sampler->start(start.noise);
  if (hooks.on_noise) {
    const RunPoint point{.pass = state.pass};
    hooks.on_noise(point,
                   noised ? pass.sampler->scale_model_input(state.sample).clone() : start.noise);
  }
  report(Phase::denoise, state, 0, pass.calls, control);
}

/// For the next pass: low frequencies of the diffused result, the rest fresh. In video to video the
/// two parts of the noised latents are mixed on their own: noises are independent, as the mix takes
/// them to be, but the result resembles the sample, so weights that add to 1 keep their power.
FREEINIT_INLINE FreeInit::Start FreeInit::reinitialise(FreeInitState& state,
                                                       const RunControl& control) const {
  report(Phase::reinit, state, 0, 1, control);
  const auto& reinitializers = settings_.reinitializers;
  const auto index = static_cast<std::size_t>(state.pass) - 1;
  const NoiseReinitializer& reinitialise =
      reinitializers[std::min(index, reinitializers.size() - 1)];
  const auto fresh = reinitialise.draw_fresh(state.noise, settings_.shape.sizes());
  Start start{reinitialise(noise_of_result(state), fresh).to(settings_.dtype)};
  if (const at::Tensor& sample = settings_.initial_sample; sample.defined()) {
    const at::Tensor change = reinitialise.low_band(state.latents.sub(sample));
    start.sample = sample.add(change).to(settings_.dtype);
  }
  report(Phase::reinit, state, 1, 1, control);
  return start;
}

/// The last result, diffused to the last timestep with the first noise; in video to video the noise
/// alone of the result that is noised to the level of the next pass's first step.
FREEINIT_INLINE at::Tensor FreeInit::noise_of_result(const FreeInitState& state) const {
  const bool partial = state.partial.defined();
  const std::int64_t last = schedule_.last_timestep();
  const bool from_sample = settings_.initial_sample.defined();
  if (!partial && from_sample) return state.first_noise;
  if (!partial) return schedule_.add_noise(state.latents, state.first_noise, last);
  const PassPlan& next = passes_[static_cast<std::size_t>(state.pass)];
  const NoiseLevel level = from_sample ? next.sampler->level(next.first) : schedule_.level(last);
  at::Tensor diffused =
      NoiseSchedule::add_noise_from(state.partial, state.first_noise, state.partial_level, level);
  if (!from_sample) return diffused;
  const at::Tensor signal = state.latents.mul(std::sqrt(level.alpha) * level.scale);
  return diffused.sub_(signal).div_(std::sqrt(1.0 - level.alpha));
}

FREEINIT_INLINE void FreeInit::check_step(const FreeInitState& state, const at::Tensor& output,
                                          std::int64_t step) const {
  const std::string where = c10::str("sampling: pass ", state.pass + 1, ", step ", step);
  detail::check_finite(output, where, "the network returned");
  detail::check_finite(state.sample.latents, where, "the latents hold");
}

FREEINIT_INLINE void FreeInit::check_values(const FreeInitState& state) const {
  std::string where = c10::str("sampling: before pass ", state.pass + 1);
  if (state.sample.latents.defined() && !is_done(state)) {
    const PassPlan& pass = passes_[static_cast<std::size_t>(state.pass)];
    where = c10::str("sampling: pass ", state.pass + 1, ", steps 1 to ",
                     state.sample.index - pass.first);
  }
  const auto check = [&where](const at::Tensor& tensor, const char* what) {
    if (tensor.defined()) detail::check_finite(tensor, where, what);
  };
  check(state.first_noise, "the first noise holds");
  check(state.latents, "the latents hold");
  check(state.partial, "the latents hold");
  check(state.sample.latents, "the latents hold");
  for (const at::Tensor& output : state.sample.history) {
    check(output, "an earlier output of the network holds");
  }
}

/// `prediction`: defined where the pass ended early. A partial pass that did not is complete.
FREEINIT_INLINE void FreeInit::end_pass(FreeInitState& state, const at::Tensor& prediction,
                                        const RunHooks& hooks) const {
  const PassPlan& pass = passes_[static_cast<std::size_t>(state.pass)];
  const auto timesteps = pass.sampler->timesteps();
  const auto index = static_cast<std::size_t>(state.sample.index);
  state.partial.reset();
  if (!prediction.defined() || index == timesteps.size()) {
    state.latents = state.sample.latents;
  } else {
    state.latents = prediction;
    if (settings_.options.intermediate.result == IntermediateResult::partial) {
      state.partial = pass.sampler->scale_model_input(state.sample);
      state.partial_level = pass.sampler->level(state.sample.index);
    }
  }
  detail::check_finite(state.latents,
                       c10::str("sampling: pass ", state.pass + 1, ", steps 1 to ", pass.calls),
                       "the latents hold");
  state.sample = SamplerState();
  state.calls_per_pass.push_back(pass.calls);
  const RunPoint end{.pass = state.pass++, .step = pass.calls};
  if (hooks.on_pass) hooks.on_pass(end, state.latents);
}

FREEINIT_INLINE void FreeInit::report(Phase phase, const FreeInitState& state, std::int64_t step,
                                      std::int64_t num_steps, const RunControl& control) const {
  std::int64_t planned = 0;
  for (const PassPlan& pass : passes_) planned += pass.calls;
  control.report({.phase = phase,
                  .pass = state.pass,
                  .num_passes = static_cast<int>(passes_.size()),
                  .step = static_cast<int>(step),
                  .num_steps = static_cast<int>(num_steps),
                  .calls = static_cast<int>(state.calls),
                  .planned_calls = static_cast<int>(planned)});
}

FREEINIT_INLINE FreeInitResult FreeInit::result(const FreeInitState& state) const {
  if (!state.latents.defined()) {
    raise(ErrorCode::cancelled, "sampling: stopped before the first pass was complete");
  }
  const bool cancelled = !is_done(state);
  const std::int64_t whole = settings_.options.num_iters * passes_.back().calls;
  return {.latents = state.latents,
          .completed_passes = state.pass,
          .cancelled = cancelled,
          .denoiser_calls = state.calls,
          .calls_per_pass = state.calls_per_pass,
          .calls_saved = cancelled ? 0 : whole - state.calls};
}

FREEINIT_INLINE FreeInitResult free_init(const Denoiser& denoiser, const NoiseSchedule& schedule,
                                         const FreeInitSettings& settings, NoiseSource noise,
                                         const RunControl& control, const RunHooks& hooks) {
  if (!denoiser) {
    raise(ErrorCode::invalid_argument, "denoiser: empty function; expected something to call");
  }
  const FreeInit run(schedule, settings);
  FreeInitState state = run.begin(std::move(noise));
  while (!run.is_done(state) && !control.stop.stop_requested()) {
    run.advance(state, denoiser, control, hooks);
  }
  return run.result(state);
}

}  // namespace freeinit::inline FREEINIT_ABI
