#include "generate/idle_options.hpp"

#include <freeinit/core/text.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

/// Settings that change nothing, and beside what.
struct IdleSettings {
  std::vector<std::string_view> fields;
  std::string beside;
};

bool all_filters(const freeinit::FreeInitOptions& options, const auto& holds) {
  return std::all_of(options.filters.begin(), options.filters.end(), holds);
}

std::vector<IdleSettings> idle_filter_settings(const freeinit::FreeInitOptions& options) {
  using freeinit::FilterAxes;
  std::vector<IdleSettings> idle;
  if (all_filters(options, [](const auto& filter) {
        return filter.method != freeinit::FilterMethod::butterworth;
      })) {
    idle.push_back({{"order"}, "a filter other than butterworth"});
  }
  if (all_filters(options,
                  [](const auto& filter) { return filter.axes == FilterAxes::temporal; })) {
    idle.push_back({{"spatial_stop"}, "--filter-axes temporal"});
  }
  if (all_filters(options, [](const auto& filter) { return filter.axes == FilterAxes::spatial; })) {
    idle.push_back({{"temporal_stop"}, "--filter-axes spatial"});
  }
  return idle;
}

std::vector<IdleSettings> idle_settings_of_passes(const PreparedRun& run) {
  const freeinit::GenerationRequest& request = run.request;
  const freeinit::FreeInitOptions& options = request.free_init;
  // The low band of a video is mixed as that of a pass is.
  if (options.num_iters == 1 && !request.real_video.low_band) {
    return {{{"filter", "order", "spatial_stop", "temporal_stop", "filter_variant", "filter_axes",
              "mix", "mix_ratio", "filter_schedule", "fast_sampling", "intermediate",
              "intermediate_steps"},
             "--num-iters 1, which is plain sampling"}};
  }
  return idle_filter_settings(options);
}

std::vector<IdleSettings> idle_settings_of_steps(const PreparedRun& run) {
  const freeinit::GenerationRequest& request = run.request;
  std::vector<IdleSettings> idle;
  const auto& sampler =
      freeinit::find_sampler(freeinit::request_config(run.manifest.scheduler, request).sampler);
  if (!sampler.uses_eta) {
    idle.push_back({{"eta"}, "sampler " + freeinit::quote(sampler.name)});
  }
  if (request.guidance_scale <= 1.0) {
    idle.push_back({{"negative_prompt", "guidance_interval"}, "a guidance scale of 1 or less"});
  }
  if (!request.vae_tiling.enabled) {
    idle.push_back({{"vae_tile_size", "vae_tile_overlap"}, "no --vae-tiling"});
  }
  return idle;
}

/// A budget that has only room for the last pass switches FreeInit off.
void warn_of_small_budget(const PreparedRun& run, Console& console) {
  freeinit::GenerationRequest plain = run.request;
  const auto& options = run.request.free_init;
  if (!options.budget_calls || options.num_iters == 1) return;
  plain.free_init.num_iters = 1;
  const auto calls = freeinit::planned_calls(run.request, run.manifest, run.inputs);
  if (calls > freeinit::planned_calls(plain, run.manifest, run.inputs)) return;
  console.warning(freeinit::concat(
      "--budget-calls ", *options.budget_calls, ": leaves 1 of ", options.num_iters,
      " passes, which is plain sampling; passes of --intermediate prediction "
      "--intermediate-steps N take N calls each"));
}

/// Whether a field is as the model recommends it. Schedules are filters, in one text or in several.
bool is_usual(const PreparedRun& run, std::string_view field) {
  const freeinit::GenerationRequest& usual = run.manifest.recommended;
  if (field == "filter_schedule") return run.request.free_init.filters == usual.free_init.filters;
  return freeinit::field_value(run.request, field) == freeinit::field_value(usual, field);
}

void append(std::vector<IdleSettings>& all, std::vector<IdleSettings> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

}  // namespace

void warn_of_idle_options(const GenerateArguments& arguments, const PreparedRun& run,
                          Console& console) {
  std::vector<IdleSettings> all = idle_settings_of_passes(run);
  append(all, idle_settings_of_steps(run));
  for (auto& [fields, beside] : all) {
    std::erase_if(fields, [&run](std::string_view field) { return is_usual(run, field); });
    const std::string given = arguments.settings.given_of(fields);
    if (!given.empty()) console.warning("nothing comes of " + given + " beside " + beside);
  }
  warn_of_small_budget(run, console);
}

}  // namespace freeinit_cli
