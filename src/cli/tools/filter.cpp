#include "shared/command.hpp"
#include "shared/json_text.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"
#include "shared/setting_options.hpp"
#include "shared/text_output.hpp"
#include "tools/mask_figures.hpp"
#include "tools/mask_image.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/noise/frequency_filter.hpp>
#include <freeinit/noise/noise_mix.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace freeinit_cli {
namespace {

struct FilterCommandArguments {
  std::vector<std::int64_t> shape;
  FilterArguments filter;
  std::string output;
  bool overwrite = false;
  bool json = false;
};

constexpr const char* kFilterFooter = R"(
The mask says which frequencies of the sampled video are kept (1) and which come from fresh noise (0).
It is centred as in the reference: frequency zero at index N/2 of each axis.

Examples:
  freeinit filter --shape 16 64 64 --filter butterworth --order 4
  freeinit filter --shape 16 8 8 --filter gaussian -o mask.png
  freeinit filter --shape 15 40 64 --filter ideal --spatial-stop 0.3 -o mask.safetensors --json
  freeinit filter --shape 16 64 64 --filter gaussian --mix variance-preserving
  freeinit filter --shape 16 64 64 --filter-axes temporal -o time_only.png
  freeinit filter --filter-mask mask.safetensors)";

constexpr std::int64_t kMostBins = 1'000'000'000;

enum class MaskFormat { none, safetensors, png };

MaskFormat mask_format(const std::filesystem::path& path) {
  if (path.empty()) return MaskFormat::none;
  if (path.extension() == ".safetensors") return MaskFormat::safetensors;
  if (path.extension() == ".png") return MaskFormat::png;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "mask file '" + path.string() + "': unknown extension '" +
                      path.extension().string() + "'; expected .safetensors or .png");
}

/// Shape limits that keep a slip of the finger from asking for terabytes.
void check_mask_shape(const std::vector<std::int64_t>& shape) {
  std::int64_t left = kMostBins;
  for (const auto size : shape) {
    if (size < 1 || size > left) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "shape size '" + std::to_string(size) +
                          "': expected three sizes of 1 or more, together at most 10^9 values");
    }
    left /= size;
  }
}

std::string percent(double share) {
  return format_number(100 * share, 4) + " %";
}

/// The mask that is asked for: made by a filter, or the user's.
at::Tensor mask_of(const FilterCommandArguments& arguments,
                   const freeinit::FrequencyFilterOptions& options) {
  if (arguments.filter.mask_file.empty() == arguments.shape.empty()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "filter: expected either --shape T H W or --filter-mask FILE");
  }
  if (const at::Tensor mask = load_mask(arguments.filter.mask_file); mask.defined()) {
    return mask.to(at::kFloat).contiguous();
  }
  const auto& shape = arguments.shape;
  check_mask_shape(shape);
  return freeinit::frequency_filter_mask(options, shape[0], shape[1], shape[2]);
}

void print_table(const MaskFigures& figures, const at::Tensor& mask, Console& console) {
  print_facts({{"shape", std::to_string(mask.size(0)) + " x " + std::to_string(mask.size(1)) +
                             " x " + std::to_string(mask.size(2))},
               {"kept share", percent(figures.kept_share)},
               {"kept bins", std::to_string(figures.kept_bins) + " of " +
                                 std::to_string(mask.numel()) + " with a mask of 0.5 or more"},
               {"variance kept", percent(figures.variance_kept) + " of white noise"},
               {"symmetry error", format_number(figures.symmetry_error)},
               {"value at DC", format_number(figures.dc)}},
              console);
}

nlohmann::ordered_json figures_json(const FilterCommandArguments& arguments, const at::Tensor& mask,
                                    const MaskFigures& figures) {
  nlohmann::ordered_json json{{"shape", mask.sizes().vec()},
                              {"kept_share", figures.kept_share},
                              {"kept_bins", figures.kept_bins},
                              {"variance_kept", figures.variance_kept},
                              {"symmetry_error", figures.symmetry_error},
                              {"dc", figures.dc}};
  if (!arguments.output.empty()) json["output"] = arguments.output;
  return json;
}

/// What `generate --config` takes, as videos have it.
std::map<std::string, std::string> settings_of(const SettingOptions& settings) {
  const auto all = nlohmann::ordered_json::parse(freeinit::request_to_json(settings.over({})));
  nlohmann::ordered_json found;
  for (const std::string_view field : kFilterFields) {
    found[std::string(field)] = all.at(std::string(field));
  }
  return {{"comment", found.dump()}};
}

void run_filter(const FilterCommandArguments& arguments, Console& console) {
  arguments.filter.check();
  const auto options = arguments.filter.filter();
  const auto mix = arguments.filter.mix();
  const auto format = mask_format(arguments.output);
  if (format != MaskFormat::none) check_output(arguments.output, arguments.overwrite);

  const at::Tensor mask = mask_of(arguments, options);
  const double variance = freeinit::mix_variance(mask, mix);
  const auto frames = mask.size(0), height = mask.size(1), width = mask.size(2);
  const std::span<const float> values(mask.const_data_ptr<float>(),
                                      static_cast<std::size_t>(mask.numel()));
  if (format == MaskFormat::safetensors) {
    const bool is_made = arguments.filter.mask_file.empty();
    freeinit::save_tensors(
        arguments.output, {{"mask", mask}},
        is_made ? settings_of(arguments.filter.settings) : std::map<std::string, std::string>{});
  }
  if (format == MaskFormat::png) write_mask_image(arguments.output, values, frames, height, width);
  if (format != MaskFormat::none) say_written(arguments.output, console);

  auto figures = mask_figures(values, frames, height, width);
  figures.variance_kept = variance;
  if (arguments.json) {
    auto json = figures_json(arguments, mask, figures);
    if (arguments.filter.mask_file.empty()) json["filter"] = filter_json(options);
    json["mix"] = mix_json(mix);
    console.result(json_text(json));
  } else {
    print_table(figures, mask, console);
  }
}

}  // namespace

void add_filter(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("filter", "Show or write the mask of a frequency filter");
  auto arguments = std::make_shared<FilterCommandArguments>();
  add_number(*command, "--shape", arguments->shape, "Frames, height and width of the latents", 1,
             kMostBins)
      ->expected(3)
      ->type_name("T H W");
  add_filter_options(*command, arguments->filter);
  command
      ->add_option(
          "-o,--output", arguments->output,
          "Write the mask: .safetensors (tensor `mask` [T,H,W]) or .png (frames side by side)")
      ->type_name("FILE");
  add_overwrite_option(*command, arguments->overwrite);
  command->add_flag("--json", arguments->json, "Print the figures as one JSON object");
  command->footer(kFilterFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_filter(*arguments, console); }; });
}

}  // namespace freeinit_cli
