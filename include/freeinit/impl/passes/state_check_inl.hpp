#pragma once

// Whether a FreeInitState belongs to a run: states come from files, too.

#include <freeinit/core/error.hpp>
#include <freeinit/passes/free_init.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <numeric>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

[[noreturn]] FREEINIT_INLINE void refuse_state(const std::string& what) {
  raise(ErrorCode::invalid_argument, "state of a run: " + what);
}

/// How many earlier outputs a pass keeps before step `index`: a single number is walked there.
FREEINIT_INLINE std::size_t history_before(const PassPlan& pass, std::int64_t index) {
  const at::NoGradGuard no_grad;
  const at::Tensor zero = at::zeros({1, 1, 1, 1, 1});
  NoiseSource noise(std::uint64_t{0});
  SamplerState walk = pass.sampler->start_at(pass.first, zero, zero);
  while (walk.index < index) {
    (void)pass.sampler->scale_model_input(walk);
    pass.sampler->step(walk, zero, noise);
  }
  return walk.history.size();
}

}  // namespace detail

FREEINIT_INLINE void FreeInit::check_state(const FreeInitState& state) const {
  check_passes(state);
  check_tensors(state);
  const std::size_t seeds = state.noise.num_seeds();
  if (seeds != 1 && std::cmp_not_equal(seeds, settings_.shape.batch)) {
    detail::refuse_state(
        c10::str("has '", seeds, "' generators; expected 1 or ", settings_.shape.batch));
  }
  if (!state.sample.latents.defined()) return;
  const PassPlan& pass = passes_[static_cast<std::size_t>(state.pass)];
  const std::size_t expected = detail::history_before(pass, state.sample.index);
  if (state.sample.history.size() == expected) return;
  detail::refuse_state(c10::str("keeps '", state.sample.history.size(),
                                "' earlier outputs before step ", state.sample.index, "; expected ",
                                expected));
}

FREEINIT_INLINE void FreeInit::check_passes(const FreeInitState& state) const {
  const auto& done = state.calls_per_pass;
  if (state.pass < 0 || std::cmp_greater(state.pass, passes_.size()) ||
      std::cmp_not_equal(state.pass, done.size())) {
    detail::refuse_state(c10::str("stands in pass '", state.pass, "' after ", done.size(),
                                  " passes; this run has ", passes_.size()));
  }
  for (std::size_t pass = 0; pass < done.size(); ++pass) {
    if (done[pass] == passes_[pass].calls) continue;
    detail::refuse_state(c10::str("made '", done[pass], "' calls in pass ", pass + 1,
                                  "; this run makes ", passes_[pass].calls));
  }
  std::int64_t calls = std::accumulate(done.begin(), done.end(), std::int64_t{0});
  if (state.sample.latents.defined()) {
    if (is_done(state)) detail::refuse_state("is in a pass behind the last one");
    const PassPlan& pass = passes_[static_cast<std::size_t>(state.pass)];
    const std::int64_t made = state.sample.index - pass.first;
    if (made < 0 || made >= pass.calls) {
      detail::refuse_state(c10::str("stands before step '", state.sample.index, "'; this pass has ",
                                    pass.first, " to ", pass.first + pass.calls - 1));
    }
    calls += made;
  }
  if (state.calls != calls) {
    detail::refuse_state(c10::str("made '", state.calls, "' calls; its passes make ", calls));
  }
}

FREEINIT_INLINE void FreeInit::check_tensors(const FreeInitState& state) const {
  const auto sizes = settings_.shape.sizes();
  const auto check = [&](const char* name, const at::Tensor& tensor, bool wanted) {
    if (tensor.defined() != wanted) {
      detail::refuse_state(c10::str(name, wanted ? ": not there" : ": there too early"));
    }
    if (!wanted ||
        (tensor.sizes() == at::IntArrayRef(sizes) && tensor.scalar_type() == settings_.dtype &&
         tensor.device() == settings_.device)) {
      return;
    }
    detail::refuse_state(c10::str(name, " '", tensor.sizes(), " ", tensor.scalar_type(), " ",
                                  tensor.device(), "'; expected ", at::IntArrayRef(sizes), " ",
                                  settings_.dtype, " ", settings_.device));
  };
  const bool hands_on_partial =
      settings_.options.intermediate.result == IntermediateResult::partial && state.pass > 0;
  check("first noise", state.first_noise, true);
  check("latents", state.latents, state.pass > 0);
  check("partial", state.partial, hands_on_partial && state.partial.defined());
  check("sample", state.sample.latents, state.sample.latents.defined());
  for (const at::Tensor& output : state.sample.history) {
    check("earlier output", output, state.sample.latents.defined());
  }
  const NoiseLevel& level = state.partial_level;
  const bool is_level = level.alpha >= 0.0 && level.alpha <= 1.0 && std::isfinite(level.scale);
  if (!is_level) {
    detail::refuse_state(c10::str("has a noise level of '", level.alpha, " ", level.scale,
                                  "'; expected 0 to 1, and a finite scale"));
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
