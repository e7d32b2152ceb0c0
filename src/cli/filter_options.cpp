#include "filter_options.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace freeinit_cli {
namespace {

freeinit::FilterVariant filter_variant_from_string(const std::string& name) {
  if (name == "official") return freeinit::FilterVariant::official;
  if (name == "strict") return freeinit::FilterVariant::strict;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "filter variant '" + name + "': unknown; expected official or strict");
}

}  // namespace

freeinit::FrequencyFilterOptions FilterArguments::over(
    freeinit::FrequencyFilterOptions options) const {
  if (method) options.method = freeinit::filter_method_from_string(*method);
  if (variant) options.variant = filter_variant_from_string(*variant);
  options.order = order.value_or(options.order);
  options.spatial_stop_frequency = spatial_stop.value_or(options.spatial_stop_frequency);
  options.temporal_stop_frequency = temporal_stop.value_or(options.temporal_stop_frequency);
  options.validate();
  return options;
}

void add_filter_options(CLI::App& command, FilterArguments& arguments) {
  const std::string group = "Filter";
  command.add_option("--filter", arguments.method, "butterworth, gaussian, ideal or box")
      ->type_name("NAME")
      ->group(group);
  command.add_option("--order", arguments.order, "Order of the Butterworth filter, above 0")
      ->group(group);
  command
      .add_option("--spatial-stop", arguments.spatial_stop,
                  "Spatial stop frequency in 0..1, where 1 is the Nyquist frequency")
      ->group(group);
  command.add_option("--temporal-stop", arguments.temporal_stop, "Temporal stop frequency in 0..1")
      ->group(group);
  command
      .add_option("--filter-variant", arguments.variant,
                  "official: bit-equal to the authors' code; strict: the filter its name promises, "
                  "symmetric at every size [official]")
      ->type_name("NAME")
      ->group(group);
}

nlohmann::ordered_json filter_json(const freeinit::FrequencyFilterOptions& options) {
  const bool strict = options.variant == freeinit::FilterVariant::strict;
  return {{"method", std::string(to_string(options.method))},
          {"order", options.order},
          {"spatial_stop_frequency", options.spatial_stop_frequency},
          {"temporal_stop_frequency", options.temporal_stop_frequency},
          {"variant", strict ? "strict" : "official"}};
}

}  // namespace freeinit_cli
