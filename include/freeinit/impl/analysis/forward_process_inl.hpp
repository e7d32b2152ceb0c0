#pragma once

#include <freeinit/analysis/forward_process.hpp>
#include <freeinit/core/checks.hpp>
#include <freeinit/impl/analysis/noise_statistics_inl.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <algorithm>
#include <cstddef>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE std::vector<std::int64_t> analysed_timesteps(const ForwardAnalysisOptions& options,
                                                             std::int64_t num_train_timesteps) {
  std::vector<std::int64_t> timesteps = options.timesteps;
  constexpr std::int64_t kParts = 8;
  for (std::int64_t i = 0; i <= kParts && options.timesteps.empty(); ++i) {
    const std::int64_t timestep = (num_train_timesteps - 1) * i / kParts;
    if (timesteps.empty() || timestep > timesteps.back()) timesteps.push_back(timestep);
  }
  std::int64_t last = -1;
  for (const std::int64_t timestep : timesteps) {
    if (timestep <= last || timestep >= num_train_timesteps) {
      raise(ErrorCode::invalid_argument,
            concat("timestep '", timestep, "': expected ascending timesteps from 0 to ",
                   num_train_timesteps - 1));
    }
    last = timestep;
  }
  return timesteps;
}

FREEINIT_INLINE std::vector<at::Tensor> draw_noises(const at::Tensor& like,
                                                    const ForwardAnalysisOptions& options) {
  check_at_least("number of draws", options.num_draws, 1);
  NoiseSource source(options.seed);
  std::vector<at::Tensor> noises;
  for (std::int64_t i = 0; i < options.num_draws; ++i) noises.push_back(source.draw(like.sizes()));
  return noises;
}

FREEINIT_INLINE ForwardLevel forward_level(const at::Tensor& clip, std::int64_t timestep,
                                           const NoiseSchedule& schedule,
                                           const FrequencyBands& bands,
                                           const std::vector<double>& power,
                                           const std::vector<at::Tensor>& noises, double low_stop) {
  ForwardLevel level;
  level.timestep = timestep;
  level.alpha_cumprod = schedule.alphas_cumprod()[static_cast<std::size_t>(timestep)];
  const auto& rescale = schedule.config().dynamic_rescale;
  const double scale = rescale.empty() ? 1.0 : rescale[static_cast<std::size_t>(timestep)];
  for (const double p : power) {
    const double snr = level.alpha_cumprod * scale * scale * p / (1.0 - level.alpha_cumprod);
    level.expected_snr.push_back(snr);
    level.expected_share.push_back(snr / (1.0 + snr));
  }
  std::vector<NoiseStatistics> measured;
  for (const at::Tensor& noise : noises) {
    const at::Tensor noised = schedule.add_noise(clip, noise, timestep);
    measured.push_back(noise_statistics(bands, noised, clip, low_stop));
  }
  level.measured = mean_statistics(measured);
  return level;
}

/// Whether two analyses have bands, the same ones and the same timesteps, and a number for each.
FREEINIT_INLINE bool measured_alike(const ForwardAnalysis& a, const ForwardAnalysis& b) {
  const auto same_level = [&](const ForwardLevel& left, const ForwardLevel& right) {
    return left.timestep == right.timestep && left.expected_snr.size() == b.bands.size() &&
           left.expected_share.size() == b.bands.size();
  };
  return !a.bands.empty() && a.bands == b.bands && a.power.size() == b.bands.size() &&
         std::equal(a.levels.begin(), a.levels.end(), b.levels.begin(), b.levels.end(), same_level);
}

FREEINIT_INLINE void add_level(ForwardLevel& sum, const ForwardLevel& level, double factor) {
  sum.timestep = level.timestep;
  sum.alpha_cumprod = level.alpha_cumprod;
  add_scaled(sum.expected_snr, level.expected_snr, factor);
  add_scaled(sum.expected_share, level.expected_share, factor);
}

}  // namespace detail

FREEINIT_INLINE ForwardAnalysis analyze_forward_process(const at::Tensor& latents,
                                                        const NoiseSchedule& schedule,
                                                        const ForwardAnalysisOptions& options) {
  if (!latents.defined() || latents.dim() != 5 || latents.numel() == 0 ||
      !latents.is_floating_point()) {
    raise(ErrorCode::invalid_argument,
          concat("latents '", latents.defined() ? latents.sizes() : at::IntArrayRef{},
                 "': expected floating point values of shape [B, C, F, height, width]"));
  }
  const at::Tensor clip = latents.to(at::kCPU, at::kFloat);
  const FrequencyBands bands(clip.size(2), clip.size(3), clip.size(4), options.band_edges);
  const auto timesteps = detail::analysed_timesteps(options, schedule.num_train_timesteps());
  const auto noises = detail::draw_noises(clip, options);

  ForwardAnalysis analysis;
  analysis.bands = bands.bands();
  analysis.power = band_power(bands, clip);
  for (const std::int64_t timestep : timesteps) {
    analysis.levels.push_back(detail::forward_level(clip, timestep, schedule, bands, analysis.power,
                                                    noises, options.low_stop));
  }
  std::vector<NoiseStatistics> gaussian;
  for (const at::Tensor& noise : noises) {
    gaussian.push_back(noise_statistics(bands, noise, clip, options.low_stop));
  }
  analysis.gaussian = mean_statistics(gaussian);
  return analysis;
}

FREEINIT_INLINE ForwardAnalysis mean_analysis(const std::vector<ForwardAnalysis>& analyses) {
  if (analyses.empty()) {
    raise(ErrorCode::invalid_argument, "analyses: empty list; expected at least one");
  }
  const ForwardAnalysis& first = analyses.front();
  const double factor = 1.0 / static_cast<double>(analyses.size());
  ForwardAnalysis mean;
  mean.bands = first.bands;
  mean.levels.resize(first.levels.size());
  std::vector<NoiseStatistics> gaussian;
  for (const ForwardAnalysis& one : analyses) {
    if (!detail::measured_alike(one, first)) {
      raise(
          ErrorCode::invalid_argument,
          "analyses: of different bands or timesteps; expected clips of one size, measured alike");
    }
    detail::add_scaled(mean.power, one.power, factor);
    gaussian.push_back(one.gaussian);
    for (std::size_t i = 0; i < mean.levels.size(); ++i) {
      detail::add_level(mean.levels[i], one.levels[i], factor);
    }
  }
  for (std::size_t i = 0; i < mean.levels.size(); ++i) {
    std::vector<NoiseStatistics> measured;
    for (const ForwardAnalysis& one : analyses) measured.push_back(one.levels[i].measured);
    mean.levels[i].measured = mean_statistics(measured);
  }
  mean.gaussian = mean_statistics(gaussian);
  return mean;
}

}  // namespace freeinit::inline FREEINIT_ABI
