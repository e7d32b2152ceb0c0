#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/impl/numerics/intermediate_passes_inl.hpp>
#include <freeinit/impl/numerics/noise_mix_inl.hpp>
#include <freeinit/impl/numerics/pass_plan_inl.hpp>
#include <freeinit/impl/numerics/time_budget_inl.hpp>
#include <freeinit/numerics/free_init.hpp>
#include <freeinit/numerics/noise_reinitializer.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<Profile, 2> kProfileNames{{
    {"diffusers", Profile::diffusers},
    {"official", Profile::official},
}};

/// One reinitializer for each filter of the run; the last one serves all further passes.
FREEINIT_INLINE std::vector<NoiseReinitializer> make_reinitializers(const FreeInitOptions& options,
                                                                    const LatentShape& shape,
                                                                    at::Device device) {
  std::vector<NoiseReinitializer> made;
  if (options.num_iters == 1) return made;
  if (options.filter_mask.defined()) {
    made.emplace_back(options.filter_mask, device, options.mix);
    return made;
  }
  const auto add = [&](const FrequencyFilterOptions& filter) {
    made.emplace_back(filter, shape.frames, shape.height, shape.width, device, options.mix);
  };
  if (options.filter_schedule.empty()) add(options.filter);
  for (const FrequencyFilterOptions& filter : options.filter_schedule) add(filter);
  return made;
}

/// Norm of what the filter keeps of now - before, as a share of that of `now`. NaN, which is
/// within no tolerance, when the filter keeps nothing. The host waits for the device here.
FREEINIT_INLINE double low_band_change(const NoiseReinitializer& filter, const at::Tensor& now,
                                       const at::Tensor& before) {
  const at::Tensor wide = now.to(at::kFloat);
  const at::Tensor change = filter.low_band(wide.sub(before.to(at::kFloat)));
  return change.norm().div_(filter.low_band(wide).norm()).item<double>();
}

/// What a pass leaves behind.
struct PassEnd {
  at::Tensor clean{};         ///< the sample, or the clean prediction of a pass that ended early
  at::Tensor noisy{};         ///< with IntermediateResult::partial: the sample where it ended
  std::int64_t timestep = 0;  ///< the level of `noisy`
  std::int64_t calls = 0;
};

/// One run: the settings it was given and how far it is.
class FreeInitRun {
 public:
  FreeInitRun(const Denoiser& denoiser, const Scheduler& scheduler, const LatentShape& shape,
              const FreeInitOptions& options, const SamplingOptions& sampling, NoiseSource& noise,
              at::ScalarType dtype, at::Device device, const RunControl& control)
      : denoiser_(denoiser),
        scheduler_(scheduler),
        sizes_(shape.sizes()),
        options_(options),
        sampling_(sampling),
        noise_(noise),
        dtype_(dtype),
        device_(device),
        control_(control),
        last_timestep_(scheduler.num_train_timesteps() - 1) {
    check();
    options.validate_for(shape);
    plan_ = plan_passes(options, scheduler, sampling.num_inference_steps, sampling.eta);
    reinitializers_ = make_reinitializers(options, shape, device);
    num_passes_ = static_cast<int>(plan_.size());
  }

  [[nodiscard]] FreeInitResult run() {
    const at::Tensor original = sampling_.initial_noise.defined()
                                    ? sampling_.initial_noise.to(device_, dtype_)
                                    : noise_.draw(sizes_, dtype_, device_);
    const TimeBudget time(options_.budget);
    at::Tensor unit_noise = original;
    at::Tensor diffused = original;
    PassEnd end;
    for (int pass = 0; pass < num_passes_; ++pass) {
      if (pass > 0) {
        if (stopped()) break;
        unit_noise = reinitialise(pass, end, original, diffused);
      }
      const std::int64_t limit = begin_pass(pass, time, unit_noise);
      if (sampling_.on_noise) sampling_.on_noise(pass, unit_noise);
      const bool whole = is_last(pass) || options_.intermediate.result == IntermediateResult::full;
      end = whole ? sample_whole(pass, unit_noise, time)
                  : sample_early(pass, limit, unit_noise, time);
      if (!end.clean.defined()) break;
      result_.latents = end.clean;
      result_.calls_per_pass.push_back(end.calls);
      ++result_.completed_passes;
      if (sampling_.on_pass) sampling_.on_pass(pass, end.clean);
    }
    if (result_.completed_passes == 0) {
      raise(ErrorCode::cancelled, "sampling: stopped before the first pass was complete");
    }
    result_.cancelled = result_.completed_passes < num_passes_;
    if (!result_.cancelled) {
      result_.calls_saved = options_.num_iters * plan_.back().max_calls - result_.denoiser_calls;
    }
    return result_;
  }

 private:
  [[nodiscard]] bool stopped() const { return control_.stop.stop_requested(); }
  [[nodiscard]] bool is_last(int pass) const { return pass + 1 == num_passes_; }
  void make_last(int pass) { num_passes_ = pass + 1; }

  [[nodiscard]] const PassPlan& plan_of(int pass) const {
    return is_last(pass) ? plan_.back() : plan_[static_cast<std::size_t>(pass)];
  }

  /// The filter of the re-initialisation before `pass` >= 1.
  [[nodiscard]] const NoiseReinitializer& reinitializer_before(int pass) const {
    const auto index = static_cast<std::size_t>(pass) - 1;
    return reinitializers_[std::min(index, reinitializers_.size() - 1)];
  }

  void check() const {
    if (!denoiser_) {
      raise(ErrorCode::invalid_argument, "denoiser: empty function; expected something to call");
    }
    if (std::any_of(sizes_.begin(), sizes_.end(), [](std::int64_t size) { return size < 1; })) {
      raise(ErrorCode::invalid_argument, c10::str("latent shape '", at::IntArrayRef(sizes_),
                                                  "': empty; expected sizes of at least 1"));
    }
    if (!at::isFloatingType(dtype_)) {
      raise(ErrorCode::invalid_argument,
            c10::str("latents' dtype '", dtype_, "': expected a floating point type"));
    }
    const auto batch = static_cast<std::size_t>(sizes_[0]);
    if (noise_.num_seeds() != 1 && noise_.num_seeds() != batch) {
      raise(ErrorCode::invalid_argument, c10::str("noise source of '", noise_.num_seeds(),
                                                  "' seeds: expected 1 or one a video, ", batch));
    }
    const at::Tensor& given = sampling_.initial_noise;
    if (given.defined() &&
        (given.sizes() != at::IntArrayRef(sizes_) || !given.is_floating_point())) {
      raise(ErrorCode::invalid_argument,
            c10::str("initial noise '", given.sizes(), " ", given.scalar_type(),
                     "': does not fit; expected floating point values of shape ",
                     at::IntArrayRef(sizes_)));
    }
  }

  /// `num_steps` is what the pass does at most, or did.
  void report(Phase phase, int pass, std::int64_t step, std::int64_t num_steps) const {
    std::int64_t calls = phase == Phase::denoise ? num_steps - step : plan_of(pass).max_calls;
    for (int later = pass + 1; later < num_passes_; ++later) calls += plan_of(later).max_calls;
    calls += result_.denoiser_calls;
    if (options_.budget.calls) calls = std::min(calls, *options_.budget.calls);
    control_.report({.phase = phase,
                     .pass = pass,
                     .num_passes = num_passes_,
                     .step = static_cast<int>(step),
                     .num_steps = static_cast<int>(num_steps),
                     .calls = static_cast<int>(result_.denoiser_calls),
                     .planned_calls = static_cast<int>(calls)});
  }

  /// The result of a pass at the last training timestep.
  [[nodiscard]] at::Tensor diffuse(const PassEnd& end, const at::Tensor& original) const {
    if (!end.noisy.defined()) return scheduler_.add_noise(end.clean, original, last_timestep_);
    return scheduler_.add_noise_between(end.noisy, original, end.timestep, last_timestep_);
  }

  /// Unit-variance noise for the next pass: low frequencies of the diffused result, the rest fresh.
  /// `diffused` is that of the time before, and then this one.
  [[nodiscard]] at::Tensor reinitialise(int pass, const PassEnd& end, const at::Tensor& original,
                                        at::Tensor& diffused) {
    report(Phase::reinit, pass, 0, 1);
    const NoiseReinitializer& reinitialise = reinitializer_before(pass);
    const at::Tensor before = std::exchange(diffused, diffuse(end, original));
    std::vector<at::Tensor> fresh;
    while (fresh.size() < reinitialise.num_fresh()) {
      fresh.push_back(noise_.draw(sizes_, at::kFloat, device_));
    }
    at::Tensor mixed = reinitialise(diffused, fresh).to(dtype_);
    if (options_.tolerance && !is_last(pass) &&
        low_band_change(reinitialise, diffused, before) <= *options_.tolerance) {
      result_.converged = true;
      make_last(pass);
    }
    report(Phase::reinit, pass, 1, 1);
    return mixed;
  }

  /// Calls that `pass` may make; makes it the last one when the budget allows none before that.
  [[nodiscard]] std::int64_t begin_pass(int pass, const TimeBudget& time,
                                        const at::Tensor& latest) {
    if (is_last(pass)) return plan_.back().max_calls;
    const IntermediateResult result = options_.intermediate.result;
    const std::int64_t last_calls = plan_.back().max_calls;
    std::int64_t limit = plan_of(pass).max_calls;
    if (options_.budget.calls) {
      limit = affordable_calls(result, limit,
                               *options_.budget.calls - result_.denoiser_calls - last_calls);
    }
    const std::int64_t least = result == IntermediateResult::full ? limit : 1;
    if (limit > 0 && time.fits(least + last_calls, result_.denoiser_calls, latest)) return limit;
    make_last(pass);
    return last_calls;
  }

  [[nodiscard]] at::Tensor call(const at::Tensor& latents, std::int64_t timestep) {
    ++result_.denoiser_calls;
    return denoiser_(latents, timestep);
  }

  [[nodiscard]] static at::Tensor first_latents(const Trajectory& trajectory,
                                                const at::Tensor& unit_noise) {
    const double sigma = trajectory.init_noise_sigma();
    return sigma == 1.0 ? unit_noise : unit_noise.mul(sigma);
  }

  /// A pass that runs to its end; without `clean` when stopped inside.
  [[nodiscard]] PassEnd sample_whole(int pass, const at::Tensor& unit_noise,
                                     const TimeBudget& time) {
    const PassPlan& plan = plan_of(pass);
    const auto timesteps = plan.trajectory->timesteps();
    const auto size = static_cast<std::int64_t>(timesteps.size());
    const bool could_be_last = timesteps.size() == plan_.back().trajectory->timesteps().size();
    at::Tensor latents = first_latents(*plan.trajectory, unit_noise);
    at::Tensor next;  // the noise lasts, so the first step of a pass makes its memory
    report(Phase::denoise, pass, 0, size);
    for (std::int64_t i = 0; i < size; ++i) {
      if (stopped()) return {};
      const auto index = static_cast<std::size_t>(i);
      const at::Tensor output = call(latents, timesteps[index]);
      if (!is_last(pass) && could_be_last &&
          !time.fits(size - i - 1 + size, result_.denoiser_calls, output)) {
        make_last(pass);
      }
      plan.trajectory->step_to(next, index, output, latents, noise_, buffers_);
      latents = next;
      report(Phase::denoise, pass, i + 1, size);
    }
    return {.clean = latents, .calls = size};
  }

  /// A pass of at most `limit` calls that may end before its grid does.
  [[nodiscard]] PassEnd sample_early(int pass, std::int64_t limit, const at::Tensor& unit_noise,
                                     const TimeBudget& time) {
    const Trajectory& trajectory = *plan_of(pass).trajectory;
    const auto timesteps = trajectory.timesteps();
    const std::int64_t last_calls = plan_.back().max_calls;
    at::Tensor latents = first_latents(trajectory, unit_noise);
    at::Tensor next;
    at::Tensor prediction;
    report(Phase::denoise, pass, 0, limit);
    for (std::int64_t calls = 1;; ++calls) {
      if (stopped()) return {};
      const auto index = static_cast<std::size_t>(calls - 1);
      const at::Tensor output = call(latents, timesteps[index]);
      const at::Tensor before =
          std::exchange(prediction, trajectory.pred_original_sample(index, output, latents));
      const bool ends = calls == limit || settled(pass, prediction, before) ||
                        !time.fits(1 + last_calls, result_.denoiser_calls, output);
      if (!ends || options_.intermediate.result == IntermediateResult::partial) {
        trajectory.step_to(next, index, output, latents, noise_, buffers_);
        latents = next;
      }
      report(Phase::denoise, pass, calls, ends ? calls : limit);
      if (!ends) continue;
      if (options_.intermediate.result == IntermediateResult::prediction) {
        return {.clean = prediction, .calls = calls};
      }
      if (std::cmp_equal(calls, timesteps.size())) return {.clean = latents, .calls = calls};
      return {
          .clean = prediction, .noisy = latents, .timestep = timesteps[index + 1], .calls = calls};
    }
  }

  /// Whether what the next re-initialisation keeps of the clean prediction has stopped changing.
  [[nodiscard]] bool settled(int pass, const at::Tensor& prediction,
                             const at::Tensor& before) const {
    const auto& tolerance = options_.intermediate.pass_tolerance;
    if (!tolerance || !before.defined()) return false;
    return low_band_change(reinitializer_before(pass + 1), prediction, before) <= *tolerance;
  }

  const Denoiser& denoiser_;
  const Scheduler& scheduler_;
  std::array<std::int64_t, 5> sizes_;
  const FreeInitOptions& options_;
  const SamplingOptions& sampling_;
  NoiseSource& noise_;
  at::ScalarType dtype_;
  at::Device device_;
  const RunControl& control_;
  std::int64_t last_timestep_;
  std::vector<PassPlan> plan_;
  std::vector<NoiseReinitializer> reinitializers_;
  StepBuffers buffers_;
  int num_passes_ = 0;  ///< as far as known: a pass may turn out to be the last
  FreeInitResult result_;
};

}  // namespace detail

FREEINIT_INLINE Profile profile_from_string(std::string_view name) {
  return value_from_name("profile", name, detail::kProfileNames);
}

FREEINIT_INLINE std::string_view to_string(Profile profile) noexcept {
  return name_of_value(profile, detail::kProfileNames);
}

FREEINIT_INLINE void FreeInitOptions::validate() const {
  if (num_iters < 1 || num_iters > 1000) {
    raise(ErrorCode::invalid_argument,
          c10::str("num_iters '", num_iters,
                   "': not a number of passes; expected 1 (plain sampling) to 1000"));
  }
  filter.validate();
  for (const FrequencyFilterOptions& entry : filter_schedule) entry.validate();
  mix.validate();
  intermediate.validate();
  budget.validate();
  detail::check_tolerance("tolerance", tolerance);
  if (filter_mask.defined() && !filter_schedule.empty()) {
    raise(ErrorCode::invalid_argument,
          "filter mask with a filter schedule: both say what to keep; expected one of them");
  }
  if (filter_mask.defined()) {
    detail::check_mask_for_mix(detail::checked_mask(filter_mask), mix.method);
  }
  if (fast_sampling && intermediate.num_inference_steps) {
    raise(ErrorCode::invalid_argument,
          "fast sampling with intermediate num_inference_steps: both set the steps of the passes "
          "before the last; expected one of them");
  }
}

FREEINIT_INLINE void FreeInitOptions::validate_for(const LatentShape& shape) const {
  validate();
  const std::array<std::int64_t, 3> size{shape.frames, shape.height, shape.width};
  if (!filter_mask.defined() || filter_mask.sizes() == at::IntArrayRef(size)) return;
  raise(ErrorCode::invalid_argument,
        c10::str("filter mask '", filter_mask.sizes(), "': does not fit the latents; expected ",
                 at::IntArrayRef(size)));
}

FREEINIT_INLINE FreeInitResult free_init(const Denoiser& denoiser, const Scheduler& scheduler,
                                         const LatentShape& shape, const FreeInitOptions& options,
                                         const SamplingOptions& sampling, NoiseSource& noise,
                                         at::ScalarType dtype, at::Device device,
                                         const RunControl& control) {
  // Denoisers with trainable parameters would otherwise keep every step of every pass in memory.
  const at::NoGradGuard no_grad;
  return detail::FreeInitRun(denoiser, scheduler, shape, options, sampling, noise, dtype, device,
                             control)
      .run();
}

}  // namespace freeinit::inline FREEINIT_ABI
