#include "shared/command.hpp"
#include "shared/error_report.hpp"
#include "shared/json_text.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"
#include "shared/setting_options.hpp"
#include "shared/tensor_input.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freeinit_cli {
namespace {

struct ReinitArguments {
  std::string latents, noise, diffused, output;
  std::vector<std::string> fresh;
  std::optional<std::int64_t> latents_timestep;
  FilterArguments filter;
  std::string bundle;
  std::optional<std::int64_t> num_train_timesteps;
  std::optional<double> beta_start, beta_end;
  std::optional<std::string> beta_schedule;
  bool overwrite = false;
  bool json = false;
};

constexpr const char* kReinitFooter = R"(
Keeps the low frequencies of a diffused video and takes the high ones from fresh noise, as FreeInit does
between two passes. The video is given diffused (--diffused), or as sampled latents with the noise the
sampling started from (--latents, --noise), which are diffused to the last training timestep first.
Its schedule comes from --bundle, or from the --beta options, whose defaults are those of diffusers'
DDIMScheduler. Latents of a pass that ended early are noised on from their own level (--latents-timestep).
--mix freqprior takes four files of fresh noise: eta_1, eta_2, y_1, y_2.

Examples:
  freeinit reinit --diffused zT.safetensors --fresh noise.safetensors -o next.safetensors
  freeinit reinit --latents z0.safetensors --noise first.safetensors --fresh noise.safetensors \
      --bundle path/to/bundle --filter gaussian -o next.safetensors
  freeinit reinit --diffused zT.safetensors --fresh noise.safetensors --mix variance-preserving -o n.safetensors
  freeinit reinit --latents z321.safetensors --latents-timestep 321 --noise first.safetensors \
      --mix freqprior --fresh a.safetensors b.safetensors c.safetensors d.safetensors -o n.safetensors
  freeinit generate "a red circle" --init-noise next.safetensors -o next.mp4)";

void check_combination(const ReinitArguments& arguments) {
  const bool sampled = !arguments.latents.empty() || !arguments.noise.empty();
  if (sampled == !arguments.diffused.empty()) {
    refuse("reinit: expected either --diffused F, or --latents F with --noise F");
  }
  if (sampled && (arguments.latents.empty() || arguments.noise.empty())) {
    refuse(std::string("reinit: ") + (arguments.noise.empty() ? "--noise" : "--latents") +
           ": missing; --latents and --noise belong together");
  }
  const bool betas = arguments.num_train_timesteps || arguments.beta_start || arguments.beta_end ||
                     arguments.beta_schedule;
  if (!sampled && (betas || !arguments.bundle.empty() || arguments.latents_timestep)) {
    refuse(
        "reinit: --diffused is diffused already; --bundle, --latents-timestep and the --beta "
        "options belong to --latents");
  }
  if (betas && !arguments.bundle.empty()) {
    refuse("reinit: the schedule comes from --bundle or from the --beta options, not from both");
  }
}

freeinit::SamplerConfig schedule_config(const ReinitArguments& arguments) {
  if (!arguments.bundle.empty()) {
    return freeinit::read_manifest(arguments.bundle).scheduler;
  }
  freeinit::SamplerConfig config;
  config.num_train_timesteps = arguments.num_train_timesteps.value_or(config.num_train_timesteps);
  config.beta_start = arguments.beta_start.value_or(config.beta_start);
  config.beta_end = arguments.beta_end.value_or(config.beta_end);
  if (arguments.beta_schedule) {
    config.beta_schedule = freeinit::beta_schedule_from_string(*arguments.beta_schedule);
  }
  return config;
}

at::Tensor load_video_tensor(const std::string& path) {
  at::Tensor tensor = read_tensor(path);
  if (tensor.dim() < 3 || !tensor.is_floating_point()) {
    refuse("tensor of '" + path + "': expected floating point of shape [B,C,F,h,w], got " +
           std::to_string(tensor.dim()) + " dimensions" +
           (tensor.is_floating_point() ? "" : " that are not floating point"));
  }
  check_values(tensor, path);
  return tensor;
}

void check_same_shape(const at::Tensor& a, const std::string& a_file, const at::Tensor& b,
                      const std::string& b_file) {
  if (a.sizes() == b.sizes()) return;
  const auto text = [](const at::Tensor& tensor) {
    return nlohmann::json(tensor.sizes().vec()).dump();
  };
  refuse("tensors of '" + a_file + "' " + text(a) + " and '" + b_file + "' " + text(b) +
         ": expected one shape");
}

at::Tensor diffused_latents(const ReinitArguments& arguments) {
  if (!arguments.diffused.empty()) return load_video_tensor(arguments.diffused);
  const freeinit::NoiseSchedule schedule(schedule_config(arguments));
  const at::Tensor latents = load_video_tensor(arguments.latents);
  const at::Tensor noise = load_video_tensor(arguments.noise);
  check_same_shape(latents, arguments.latents, noise, arguments.noise);
  const std::int64_t last = schedule.last_timestep();
  if (!arguments.latents_timestep) return schedule.add_noise(latents, noise, last);
  return schedule.add_noise_between(latents, noise, *arguments.latents_timestep, last);
}

/// The fresh noise, as many tensors as the mix takes.
std::vector<at::Tensor> fresh_noise(const ReinitArguments& arguments, const at::Tensor& diffused) {
  const auto& file = arguments.diffused.empty() ? arguments.latents : arguments.diffused;
  std::vector<at::Tensor> fresh;
  for (const std::string& path : arguments.fresh) {
    fresh.push_back(load_video_tensor(path));
    check_same_shape(diffused, file, fresh.back(), path);
  }
  return fresh;
}

freeinit::NoiseReinitializer make_reinitializer(const ReinitArguments& arguments,
                                                const freeinit::FrequencyFilterOptions& filter,
                                                const freeinit::NoiseMixOptions& mix,
                                                const at::Tensor& diffused) {
  if (const at::Tensor mask = load_mask(arguments.filter.mask_file); mask.defined()) {
    return freeinit::NoiseReinitializer(mask, at::kCPU, mix);
  }
  return {filter, diffused.size(-3), diffused.size(-2), diffused.size(-1), at::kCPU, mix};
}

void run_reinit(const ReinitArguments& arguments, Console& console) {
  check_combination(arguments);
  arguments.filter.check();
  const auto options = arguments.filter.filter();
  const auto mix = arguments.filter.mix();
  check_tensor_output(arguments.output, arguments.overwrite);
  const at::Tensor diffused = diffused_latents(arguments);
  const auto reinitialize = make_reinitializer(arguments, options, mix, diffused);
  if (arguments.fresh.size() != reinitialize.num_fresh()) {
    refuse("reinit: --fresh names " + std::to_string(arguments.fresh.size()) +
           (arguments.fresh.size() == 1 ? " file; mix " : " files; mix ") +
           std::string(to_string(mix.method)) + " expects " +
           std::to_string(reinitialize.num_fresh()));
  }
  const auto fresh = fresh_noise(arguments, diffused);
  freeinit::save_tensors(arguments.output, {{"noise", reinitialize(diffused, fresh)}});
  say_written(arguments.output, console);
  if (arguments.json) {
    nlohmann::ordered_json json{{"output", arguments.output}, {"shape", diffused.sizes().vec()}};
    if (arguments.filter.mask_file.empty()) json["filter"] = filter_json(options);
    json["mix"] = mix_json(mix);
    console.result(json_text(json));
  } else {
    console.result(arguments.output);
  }
}

}  // namespace

void add_reinit(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("reinit", "Re-initialise noise once, from files");
  auto arguments = std::make_shared<ReinitArguments>();
  auto& a = *arguments;
  command->add_option("--latents", a.latents, "Sampled latents (.safetensors, .npy)")
      ->type_name("FILE");
  command->add_option("--noise", a.noise, "The noise their sampling started from")
      ->type_name("FILE");
  command->add_option("--diffused", a.diffused, "Latents that are diffused already")
      ->type_name("FILE");
  constexpr std::int64_t kMostTimesteps = 1'000'000;
  add_number(*command, "--latents-timestep", a.latents_timestep,
             "The latents are still noisy: they are on the level of this timestep", 0,
             kMostTimesteps)
      ->type_name("T");
  command
      ->add_option("--fresh", a.fresh,
                   "Fresh noise for the high frequencies; four files with --mix freqprior")
      ->type_name("FILE")
      ->expected(1, 4)
      ->required();
  command->add_option("-o,--output", a.output, "The result, tensor `noise` (.safetensors), or .npy")
      ->type_name("FILE")
      ->required();
  add_filter_options(*command, a.filter);
  command->add_option("--bundle", a.bundle, "Take the schedule from this bundle")->type_name("DIR");
  add_number(*command, "--num-train-timesteps", a.num_train_timesteps, "Schedule length [1000]", 1,
             kMostTimesteps);
  add_number(*command, "--beta-start", a.beta_start, "First beta [0.0001]", 0, 1);
  add_number(*command, "--beta-end", a.beta_end, "Last beta [0.02]", 0, 1);
  command
      ->add_option("--beta-schedule", a.beta_schedule,
                   "linear, scaled_linear or squaredcos_cap_v2 [linear]")
      ->type_name("NAME");
  add_overwrite_option(*command, a.overwrite);
  command->add_flag("--json", a.json, "Print the result as one JSON object");
  command->footer(kReinitFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_reinit(*arguments, console); }; });
}

}  // namespace freeinit_cli
