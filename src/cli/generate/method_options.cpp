#include "generate/method_options.hpp"

#include "shared/option_group.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <charconv>
#include <vector>

namespace freeinit_cli {
namespace {

[[noreturn]] void refuse_schedule(const std::string& entry, const std::string& reason) {
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "filter schedule entry '" + entry + "': " + reason +
                      "; expected NAME[:SPATIAL[:TEMPORAL[:ORDER]]]");
}

double number_of(const std::string& text, const std::string& entry) {
  double value = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) refuse_schedule(entry, "'" + text + "' is no number");
  return value;
}

/// CLI11's split drops an empty last part.
std::vector<std::string> parts_of(const std::string& text, char separator) {
  auto parts = CLI::detail::split(text, separator);
  if (text.empty() || text.back() == separator) parts.emplace_back();
  return parts;
}

/// NAME[:SPATIAL[:TEMPORAL[:ORDER]]] over the settings of `filter`.
freeinit::FrequencyFilterOptions filter_of(const std::string& entry,
                                           freeinit::FrequencyFilterOptions filter) {
  const std::vector<std::string> parts = parts_of(entry, ':');
  if (parts.size() > 4) refuse_schedule(entry, "too many parts");
  filter.method = freeinit::filter_method_from_string(parts[0]);
  if (parts.size() > 1) filter.spatial_stop_frequency = number_of(parts[1], entry);
  if (parts.size() > 2) filter.temporal_stop_frequency = number_of(parts[2], entry);
  if (parts.size() > 3) filter.order = number_of(parts[3], entry);
  return filter;
}

}  // namespace

freeinit::FreeInitOptions MethodArguments::over(freeinit::FreeInitOptions options) const {
  options.mix = mix.options();
  if (!filter_schedule.empty()) {
    const auto filter = options.filters.front();
    options.filters.clear();
    for (const std::string& entry : parts_of(filter_schedule, ',')) {
      options.filters.push_back(filter_of(entry, filter));
    }
  }
  if (intermediate) {
    options.intermediate.result = freeinit::intermediate_result_from_string(*intermediate);
  }
  options.intermediate.steps = intermediate_steps;
  options.budget_calls = budget_calls;
  options.validate();
  return options;
}

std::string MethodArguments::of_later_passes() const {
  std::string names;
  const auto add = [&names](bool given, const char* name) {
    if (given) names += (names.empty() ? "" : " ") + std::string(name);
  };
  add(mix.method.has_value(), "--mix");
  add(!filter_schedule.empty(), "--filter-schedule");
  add(intermediate.has_value(), "--intermediate");
  return names;
}

void add_method_options(CLI::App& command, MethodArguments& a) {
  add_mix_options(command, a.mix);
  OptionGroup(command, "Filter")
      .add("--filter-schedule", a.filter_schedule,
           "Filters that change per pass: NAME[:SPATIAL[:TEMPORAL[:ORDER]]], ... by commas; the "
           "last one stays",
           "LIST");
  OptionGroup fewer(command, "Fewer network calls");
  fewer.add("--intermediate", a.intermediate,
            "What passes before the last hand on: full, partial (noised on from where they stop) "
            "or prediction (the clean prediction there) [full]",
            "NAME");
  fewer.add("--intermediate-steps", a.intermediate_steps,
            "partial, prediction: network calls of each pass before the last", "N");
  fewer.add("--budget-calls", a.budget_calls,
            "Network calls of each video at most; the last pass always runs whole", "N");
}

nlohmann::ordered_json methods_json(const freeinit::FreeInitOptions& options) {
  nlohmann::ordered_json json{{"mix", mix_json(options.mix)}};
  if (options.filters.size() > 1) {
    for (const auto& filter : options.filters) {
      json["filter_schedule"].push_back(filter_json(filter));
    }
  }
  const auto& passes = options.intermediate;
  json["intermediate"] = std::string(to_string(passes.result));
  const auto add = [&json](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  add("intermediate_steps", passes.steps);
  add("budget_calls", options.budget_calls);
  return json;
}

}  // namespace freeinit_cli
