#include "shared/filter_options.hpp"

#include "shared/option_group.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace freeinit_cli {
freeinit::FrequencyFilterOptions FilterArguments::over(
    freeinit::FrequencyFilterOptions options) const {
  if (!mask_file.empty() && (method || variant || order || spatial_stop || temporal_stop || axes)) {
    freeinit::raise(
        freeinit::ErrorCode::invalid_argument,
        "filter mask '" + mask_file +
            "': given with options of a filter, which it replaces; expected one of them");
  }
  if (method) options.method = freeinit::filter_method_from_string(*method);
  if (variant) options.variant = freeinit::filter_variant_from_string(*variant);
  options.order = order.value_or(options.order);
  options.spatial_stop_frequency = spatial_stop.value_or(options.spatial_stop_frequency);
  options.temporal_stop_frequency = temporal_stop.value_or(options.temporal_stop_frequency);
  if (axes) options.axes = freeinit::filter_axes_from_string(*axes);
  options.validate();
  return options;
}

void add_filter_options(CLI::App& command, FilterArguments& arguments) {
  OptionGroup filter(command, "Filter");
  filter.add("--filter", arguments.method, "butterworth, gaussian, ideal or box", "NAME");
  filter.add("--order", arguments.order, "Order of the Butterworth filter, above 0");
  filter.add("--spatial-stop", arguments.spatial_stop,
             "Spatial stop frequency in 0..1, where 1 is the Nyquist frequency");
  filter.add("--temporal-stop", arguments.temporal_stop, "Temporal stop frequency in 0..1");
  filter.add("--filter-variant", arguments.variant,
             "official: bit-equal to the authors' code; strict: the filter its name promises, "
             "symmetric at every size [official]",
             "NAME");
  filter.add("--filter-axes", arguments.axes,
             "spatio-temporal, temporal (only --temporal-stop counts) or spatial (only "
             "--spatial-stop) [spatio-temporal]",
             "NAME");
  filter.add("--filter-mask", arguments.mask_file,
             "A mask [T,H,W] of your own in place of a filter, frequency zero at N/2 of each axis "
             "(.safetensors)",
             "FILE");
}

at::Tensor FilterArguments::mask() const {
  if (mask_file.empty()) return {};
  const at::Tensor mask = freeinit::load_tensor(mask_file);
  if (mask.dim() == 3 && mask.is_floating_point()) return mask;
  freeinit::raise(
      freeinit::ErrorCode::invalid_argument,
      "filter mask '" + mask_file + "': expected floating point values of shape [T,H,W]");
}

freeinit::NoiseMixOptions MixArguments::options() const {
  freeinit::NoiseMixOptions mix;
  if (method) mix.method = freeinit::mix_method_from_string(*method);
  if (ratio && mix.method != freeinit::MixMethod::freqprior) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "mix-ratio '" + CLI::detail::to_string(*ratio) +
                        "': belongs to --mix freqprior; the others have no ratio");
  }
  mix.ratio = ratio.value_or(mix.ratio);
  mix.validate();
  return mix;
}

void add_mix_options(CLI::App& command, MixArguments& arguments) {
  OptionGroup filter(command, "Filter");
  filter.add("--mix", arguments.method,
             "How low and high band are put together: freeinit, variance-preserving or freqprior "
             "[freeinit]",
             "NAME");
  filter.add("--mix-ratio", arguments.ratio,
             "freqprior: share of the old noise in both branches, 0..1 [0.8]");
}

nlohmann::ordered_json filter_json(const freeinit::FrequencyFilterOptions& options) {
  return {{"method", std::string(to_string(options.method))},
          {"order", options.order},
          {"spatial_stop_frequency", options.spatial_stop_frequency},
          {"temporal_stop_frequency", options.temporal_stop_frequency},
          {"variant", std::string(to_string(options.variant))},
          {"axes", std::string(to_string(options.axes))}};
}

nlohmann::ordered_json mix_json(const freeinit::NoiseMixOptions& mix) {
  nlohmann::ordered_json json{{"method", std::string(to_string(mix.method))}};
  if (mix.method == freeinit::MixMethod::freqprior) json["ratio"] = mix.ratio;
  return json;
}

}  // namespace freeinit_cli
