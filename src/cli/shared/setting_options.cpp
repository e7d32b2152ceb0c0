#include "shared/setting_options.hpp"

#include "shared/option_group.hpp"
#include "shared/tensor_input.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/options/request_fields.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace freeinit_cli {
namespace {

using freeinit::FieldKind;
using freeinit::RequestField;

std::string option_name(std::string_view field) {
  std::string name = "--" + std::string(field);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// What the table says of a text that does not fit, behind the name of its option; empty if it
/// does.
std::string problem_of(const RequestField& field, const std::string& text) {
  try {
    static_cast<void>(freeinit::field_from_text(field, text));
    return {};
  } catch (const freeinit::Error& error) {
    const std::string_view said = error.what();
    const std::string name = std::string(field.name) + " ";
    return std::string(said.starts_with(name) ? said.substr(name.size()) : said);
  }
}

void add_option(CLI::App& command, const RequestField& field, std::string& text, bool& given) {
  const std::string group(field.group);
  const std::string help =
      std::string(field.help) + (field.limits.empty() ? "" : " (" + field.limits + ")");
  if (field.kind == FieldKind::flag) {
    const std::string name = option_name(field.name);
    const auto keep = [&text, &given](std::int64_t count) {
      text = count > 0 ? "true" : "false";
      given = true;
    };
    command.add_flag_function(name + ",!--no-" + name.substr(2), keep, help)->group(group);
    return;
  }
  const std::string between = field.kind == FieldKind::texts ? "\n" : " ";
  const auto keep = [&text, &given, between](const std::vector<std::string>& values) {
    text.clear();
    for (const std::string& value : values) text += (text.empty() ? "" : between) + value;
    if (values.size() == 1) text = values.front();  // an empty text, too
    given = true;
    return true;
  };
  const bool is_prompt = field.name == "prompt";
  auto* option = command.add_option(is_prompt ? "PROMPT" : option_name(field.name), keep, help);
  option->type_name(std::string(field.type));
  if (is_prompt) return;
  option->group(group);
  if (field.kind == FieldKind::numbers) {
    option->expected(2);
  } else if (field.kind == FieldKind::texts) {
    option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  } else {
    option->check([&field](const std::string& value) { return problem_of(field, value); });
  }
}

}  // namespace

const std::vector<std::string_view> kFilterFields{"filter",        "order",          "spatial_stop",
                                                  "temporal_stop", "filter_variant", "filter_axes"};

void SettingOptions::add(CLI::App& command) {
  for (const RequestField& field : freeinit::request_fields()) {
    add(command, {field.name});
  }
}

void SettingOptions::add(CLI::App& command, const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    Setting& setting = settings_[std::string(name)];
    add_option(command, freeinit::find_request_field(name), setting.text, setting.given);
  }
}

bool SettingOptions::given(std::string_view name) const {
  const auto found = settings_.find(name);
  return found != settings_.end() && found->second.given;
}

std::string SettingOptions::given_of(const std::vector<std::string_view>& names) const {
  std::string all;
  for (const std::string_view name : names) {
    if (given(name)) all += (all.empty() ? "" : " ") + option_name(name);
  }
  return all;
}

freeinit::GenerationRequest SettingOptions::over(freeinit::GenerationRequest request) const {
  for (const RequestField& field : freeinit::request_fields()) {
    if (!given(field.name)) continue;
    freeinit::set_field_text(request, field.name, settings_.find(field.name)->second.text);
  }
  return request;
}

void check_filter_settings(const SettingOptions& settings, const std::string& mask_file) {
  if (!mask_file.empty() && !settings.given_of(kFilterFields).empty()) {
    freeinit::raise(
        freeinit::ErrorCode::invalid_argument,
        "filter mask '" + mask_file +
            "': given with options of a filter, which it replaces; expected one of them");
  }
  const auto request = settings.over({});
  if (settings.given("mix_ratio") &&
      request.free_init.mix.method != freeinit::MixMethod::freqprior) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "mix-ratio '" + CLI::detail::to_string(request.free_init.mix.ratio) +
                        "': belongs to --mix freqprior; the others have no ratio");
  }
  request.free_init.validate();
}

void FilterArguments::check() const {
  check_filter_settings(settings, mask_file);
}

freeinit::FrequencyFilterOptions FilterArguments::filter() const {
  return settings.over({}).free_init.filters.front();
}

freeinit::NoiseMixOptions FilterArguments::mix() const {
  return settings.over({}).free_init.mix;
}

void add_filter_options(CLI::App& command, FilterArguments& arguments) {
  arguments.settings.add(command, kFilterFields);
  add_mask_option(command, arguments.mask_file);
  arguments.settings.add(command, {"mix", "mix_ratio"});
}

void add_mask_option(CLI::App& command, std::string& mask_file) {
  OptionGroup(command, "Filter")
      .add("--filter-mask", mask_file,
           "A mask [T,H,W] of your own in place of a filter, frequency zero at N/2 of each axis "
           "(.safetensors)",
           "FILE");
}

at::Tensor load_mask(const std::string& mask_file) {
  if (mask_file.empty()) return {};
  const at::Tensor mask = read_tensor(mask_file);
  if (mask.dim() != 3 || !mask.is_floating_point()) {
    freeinit::raise(
        freeinit::ErrorCode::invalid_argument,
        "filter mask '" + mask_file + "': expected floating point values of shape [T,H,W]");
  }
  check_values(mask, mask_file);
  return mask;
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
