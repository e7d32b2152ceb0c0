#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/numerics/named_value_inl.hpp>
#include <freeinit/numerics/free_init.hpp>
#include <freeinit/numerics/noise_reinitializer.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<Profile, 2> kProfileNames{{
    {"diffusers", Profile::diffusers},
    {"official", Profile::official},
}};

/// One run: the settings it was given and the noise it started from.
class FreeInitRun {
 public:
  FreeInitRun(const Denoiser& denoiser, const Scheduler& scheduler, const LatentShape& shape,
              const FreeInitOptions& options, const SamplingOptions& sampling, NoiseSource& noise,
              at::ScalarType dtype, at::Device device, const RunControl& control)
      : denoiser_(denoiser),
        scheduler_(scheduler),
        sizes_(shape.sizes()),
        sampling_(sampling),
        noise_(noise),
        dtype_(dtype),
        device_(device),
        control_(control) {
    check();
    for (const std::int64_t steps : steps_per_pass(options, sampling.num_inference_steps)) {
      trajectories_.push_back(scheduler.trajectory(steps, sampling.eta));
    }
    if (options.num_iters > 1) {
      reinitializer_.emplace(options.filter, shape.frames, shape.height, shape.width, device);
    }
  }

  [[nodiscard]] FreeInitResult run() {
    FreeInitResult result;
    const at::Tensor original = sampling_.initial_noise.defined()
                                    ? sampling_.initial_noise.to(device_, dtype_)
                                    : noise_.draw(sizes_, dtype_, device_);
    at::Tensor unit_noise = original;
    for (; result.completed_passes < num_passes(); ++result.completed_passes) {
      const int pass = result.completed_passes;
      if (pass > 0) {
        if (stopped()) break;
        unit_noise = reinitialise(pass, result.latents, original);
      }
      const at::Tensor sampled = sample(pass, unit_noise, result.denoiser_calls);
      if (!sampled.defined()) break;
      result.latents = sampled;
      if (sampling_.on_pass) sampling_.on_pass(pass, sampled);
    }
    result.cancelled = result.completed_passes < num_passes();
    if (result.completed_passes == 0) {
      raise(ErrorCode::cancelled, "sampling: stopped before the first pass was complete");
    }
    return result;
  }

 private:
  [[nodiscard]] int num_passes() const { return static_cast<int>(trajectories_.size()); }
  [[nodiscard]] bool stopped() const { return control_.stop.stop_requested(); }

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

  void report(Phase phase, int pass, std::size_t step, std::size_t num_steps) const {
    control_.report(
        {phase, pass, num_passes(), static_cast<int>(step), static_cast<int>(num_steps)});
  }

  /// Unit-variance noise for the next pass: low frequencies of the diffused result, the rest fresh.
  [[nodiscard]] at::Tensor reinitialise(int pass, const at::Tensor& latents,
                                        const at::Tensor& original) {
    report(Phase::reinit, pass, 0, 1);
    const at::Tensor diffused =
        scheduler_.add_noise(latents, original, scheduler_.num_train_timesteps() - 1);
    const at::Tensor fresh = noise_.draw(sizes_, at::kFloat, device_);
    at::Tensor mixed = (*reinitializer_)(diffused, fresh).to(dtype_);
    report(Phase::reinit, pass, 1, 1);
    return mixed;
  }

  /// One complete pass; undefined when stopped inside.
  [[nodiscard]] at::Tensor sample(int pass, const at::Tensor& unit_noise,
                                  std::int64_t& denoiser_calls) {
    const Trajectory& trajectory = *trajectories_[static_cast<std::size_t>(pass)];
    const auto timesteps = trajectory.timesteps();
    const double sigma = trajectory.init_noise_sigma();
    at::Tensor latents = sigma == 1.0 ? unit_noise : unit_noise.mul(sigma);
    report(Phase::denoise, pass, 0, timesteps.size());
    for (std::size_t i = 0; i < timesteps.size(); ++i) {
      if (stopped()) return {};
      const at::Tensor output = denoiser_(latents, timesteps[i]);
      ++denoiser_calls;
      latents = trajectory.step(i, output, latents, noise_);
      report(Phase::denoise, pass, i + 1, timesteps.size());
    }
    return latents;
  }

  const Denoiser& denoiser_;
  const Scheduler& scheduler_;
  std::array<std::int64_t, 5> sizes_;
  const SamplingOptions& sampling_;
  NoiseSource& noise_;
  at::ScalarType dtype_;
  at::Device device_;
  const RunControl& control_;
  std::vector<std::unique_ptr<const Trajectory>> trajectories_;
  std::optional<NoiseReinitializer> reinitializer_;
};

}  // namespace detail

FREEINIT_INLINE Profile profile_from_string(std::string_view name) {
  return detail::value_from_name("profile", name, detail::kProfileNames);
}

FREEINIT_INLINE std::string_view to_string(Profile profile) noexcept {
  return detail::name_of_value(profile, detail::kProfileNames);
}

FREEINIT_INLINE void FreeInitOptions::validate() const {
  if (num_iters < 1 || num_iters > 1000) {
    raise(ErrorCode::invalid_argument,
          c10::str("num_iters '", num_iters,
                   "': not a number of passes; expected 1 (plain sampling) to 1000"));
  }
  filter.validate();
}

FREEINIT_INLINE std::vector<std::int64_t> steps_per_pass(const FreeInitOptions& options,
                                                         std::int64_t num_inference_steps) {
  options.validate();
  if (num_inference_steps < 1) {
    raise(ErrorCode::invalid_argument, c10::str("num_inference_steps '", num_inference_steps,
                                                "': outside its range; expected at least 1"));
  }
  std::vector<std::int64_t> steps(static_cast<std::size_t>(options.num_iters), num_inference_steps);
  if (!options.fast_sampling) return steps;
  if (options.profile == Profile::official && num_inference_steps < options.num_iters) {
    raise(ErrorCode::invalid_argument,
          c10::str("num_inference_steps '", num_inference_steps,
                   "' with fast sampling: the first of ", options.num_iters,
                   " passes would have no step; expected at least ", options.num_iters));
  }
  // In double and in this order, as both originals: 61 steps in 7 passes end at 60.
  const double share =
      static_cast<double>(num_inference_steps) / static_cast<double>(options.num_iters);
  for (std::size_t pass = 0; pass < steps.size(); ++pass) {
    const auto count = static_cast<std::int64_t>(share * static_cast<double>(pass + 1));
    steps[pass] = std::max<std::int64_t>(count, 1);
  }
  return steps;
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
