#include "shared/command.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"
#include "shared/json_text.hpp"
#include "shared/operator_options.hpp"
#include "shared/text_output.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/bundle/verify.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/file_metadata.hpp>
#include <freeinit/io/text_file.hpp>
#include <freeinit/networks/operators.hpp>
#include <freeinit/pipeline/probe.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

struct InspectArguments {
  std::string bundle;
  bool json = false;
  bool check = false;
  bool code = false;
  std::set<std::string> allow_operators;
};

constexpr std::size_t kLongestList = 20'000;

constexpr const char* kInspectFooter = R"(
Reads the manifest, checks size and SHA-256 of every file and shows what the bundle is. --check goes on:
it tries every part on its own, loads each network and runs it once at a small size, and says what is
wrong and how to mend it. --code lists what the networks' code calls and runs nothing of it. Of a
video, picture or tensor file it prints the settings that made it.

Examples:
  freeinit inspect path/to/bundle
  freeinit inspect path/to/bundle --json
  freeinit inspect path/to/bundle --check
  freeinit inspect path/to/bundle --code
  freeinit inspect clip.mp4 > settings.json && freeinit generate --config settings.json)";

std::string unet_text(const freeinit::UNetSpec& unet) {
  return unet.file + ", " + unet.dtype + ", " + std::to_string(unet.in_channels) +
         " channels, text width " + std::to_string(unet.context_dim);
}

std::string autoencoder_text(const freeinit::AutoencoderSpec& vae) {
  return vae.decoder_file + (vae.encoder_file.empty() ? " (no encoder)" : ", " + vae.encoder_file) +
         ", " + vae.dtype + ", 1:" + std::to_string(vae.spatial_scale);
}

std::string limits_text(const freeinit::Manifest& manifest) {
  const auto multiple = manifest.unet.latent_multiple_of * manifest.vae.spatial_scale;
  std::string text = "height and width a multiple of " + std::to_string(multiple);
  if (manifest.unet.max_frames) {
    text += ", at most " + std::to_string(*manifest.unet.max_frames) + " frames at once";
  }
  if (const auto& guidance = manifest.unet.max_guidance_scale) {
    text += ", guidance at most " + format_number(*guidance);
  }
  return text + ", prompts of at most " + std::to_string(manifest.tokenizer.max_length) + " tokens";
}

std::string recommended_text(const freeinit::GenerationRequest& r) {
  const auto& filter = r.free_init.filters.front();
  return std::to_string(r.num_frames) + " frames of " + std::to_string(r.width) + "x" +
         std::to_string(r.height) + " at " + format_number(r.fps) + " fps, " +
         std::to_string(r.num_inference_steps) + " steps, guidance " +
         format_number(r.guidance_scale) + ", " + std::to_string(r.free_init.num_iters) +
         " passes, filter " + std::string(to_string(filter.method)) + " " +
         format_number(filter.spatial_stop_frequency) + "/" +
         format_number(filter.temporal_stop_frequency);
}

constexpr std::size_t kLongestFact = 2000;

void print_manifest(const std::filesystem::path& folder, const freeinit::Manifest& manifest,
                    Console& console) {
  std::vector<std::pair<std::string, std::string>> facts{
      {"bundle", folder.string()},       {"name", manifest.name},
      {"family", manifest.family},       {"description", manifest.description},
      {"license", manifest.license},     {"schema", std::to_string(manifest.schema)},
      {"unet", unet_text(manifest.unet)}};
  for (const auto& [name, backend] : manifest.unet_backends) facts.emplace_back(name, backend.file);
  facts.emplace_back("text encoder",
                     manifest.text_encoder.file + ", " + manifest.text_encoder.dtype);
  facts.emplace_back("autoencoder", autoencoder_text(manifest.vae));
  facts.emplace_back("live preview", manifest.latent_rgb ? "yes" : "no");
  facts.emplace_back("sampler", manifest.scheduler.sampler);
  facts.emplace_back("limits", limits_text(manifest));
  facts.emplace_back("recommended", recommended_text(manifest.recommended));
  for (const auto& [key, value] : manifest.created_by) {
    facts.emplace_back("made with", key + " " + value);
  }
  for (const auto& [name, record] : manifest.files) {
    facts.emplace_back("file ok",
                       record.sha256 + "  " + std::to_string(record.bytes) + " bytes  " + name);
  }
  for (auto& [name, text] : facts) text = freeinit::excerpt(text, kLongestFact);
  print_facts(facts, console);
}

nlohmann::ordered_json inspect_json(const std::filesystem::path& folder,
                                    const freeinit::Manifest& manifest) {
  auto files = nlohmann::ordered_json::array();
  for (const auto& [name, record] : manifest.files) {
    files.push_back(
        {{"path", name}, {"bytes", record.bytes}, {"sha256", record.sha256}, {"ok", true}});
  }
  const std::string text = freeinit::read_text_file(folder / "manifest.json", "manifest");
  return {{"bundle", folder.string()},
          {"checks", {{"manifest", true}, {"files", true}}},
          {"files", std::move(files)},
          {"manifest", nlohmann::ordered_json::parse(text)}};
}

const char* name_of(freeinit::ProbeFinding::Outcome outcome) {
  switch (outcome) {
    case freeinit::ProbeFinding::Outcome::passed:
      return "ok";
    case freeinit::ProbeFinding::Outcome::failed:
      return "FAILED";
    case freeinit::ProbeFinding::Outcome::skipped:
      return "skipped";
  }
  return "";
}

nlohmann::ordered_json check_json(const std::filesystem::path& folder,
                                  const freeinit::ProbeReport& report) {
  auto parts = nlohmann::ordered_json::array();
  for (const auto& finding : report.findings) {
    nlohmann::ordered_json part = {
        {"part", finding.part}, {"outcome", name_of(finding.outcome)}, {"detail", finding.detail}};
    if (finding.outcome == freeinit::ProbeFinding::Outcome::failed) {
      part["remedy"] = finding.remedy;
      part["code"] = static_cast<int>(finding.code);
    }
    parts.push_back(std::move(part));
  }
  return {
      {"bundle", folder.string()}, {"ok", report.num_failures() == 0}, {"parts", std::move(parts)}};
}

/// One line a part; a failure also ends the command with its code.
void run_check(const std::filesystem::path& folder, const InspectArguments& arguments,
               Console& console) {
  const bool json = arguments.json;
  const auto report =
      freeinit::probe_bundle(folder, {.allow_operators = arguments.allow_operators});
  if (json) {
    console.result(json_text(check_json(folder, report)));
  } else {
    for (const auto& finding : report.findings) {
      const std::string outcome = name_of(finding.outcome);
      const std::string remedy = finding.remedy.empty() ? "" : "; to mend it: " + finding.remedy;
      console.result(outcome + std::string(8 - outcome.size(), ' ') + finding.part + ": " +
                     finding.detail + remedy);
    }
  }
  if (const auto* failure = report.first_failure()) {
    freeinit::raise(failure->code, "bundle '" + folder.string() +
                                       "': " + std::to_string(report.num_failures()) + " of " +
                                       std::to_string(report.findings.size()) +
                                       " parts failed, the first is '" + failure->part + "'");
  }
}

const char* rule_text(freeinit::OperatorRule rule) {
  switch (rule) {
    case freeinit::OperatorRule::tensor:
      return "tensor";
    case freeinit::OperatorRule::by_name:
      return "by name";
    case freeinit::OperatorRule::forbidden:
      return "forbidden";
  }
  return "";
}

/// The operators of each network in TorchScript, those that are not for tensors alone first.
void show_code(const std::filesystem::path& folder, const freeinit::Manifest& manifest,
               const InspectArguments& arguments, Console& console) {
  auto all = nlohmann::ordered_json::object();
  for (const auto& [file, ignored] : manifest.files) {
    if (std::filesystem::path(file).extension() != ".pt") continue;
    std::map<freeinit::OperatorRule, std::string> lists;
    auto& listed = all[file] = nlohmann::ordered_json::object();
    for (const auto& [name, count] : freeinit::torchscript_operators(folder / file)) {
      const auto rule = freeinit::operator_rule(name);
      listed[name] = {{"count", count}, {"rule", rule_text(rule)}};
      lists[rule] += (lists[rule].empty() ? "" : ", ") + name + " " + std::to_string(count);
    }
    if (arguments.json) continue;
    for (auto list = lists.rbegin(); list != lists.rend(); ++list) {
      console.result(freeinit::excerpt(file) + ": " + rule_text(list->first) + ": " +
                     freeinit::excerpt(list->second, kLongestList));
    }
  }
  if (arguments.json) console.result(json_text(all));
}

/// A video, picture or tensor file, or a folder of frames.
bool is_output_file(const std::filesystem::path& path) {
  return std::filesystem::is_regular_file(path) ||
         std::filesystem::exists(path / "frame_00000.png");
}

/// The JSON that a text is, or null.
nlohmann::ordered_json settings_in(const std::string& text) {
  try {
    freeinit::check_json_text(text, "comment");
    return nlohmann::ordered_json::parse(text);
  } catch (const freeinit::Error&) {
    return nullptr;
  }
}

/// The settings that a file was made with: what `generate --config` takes. Other texts one a line.
void show_metadata(const std::filesystem::path& path, Console& console) {
  const auto metadata = freeinit::read_file_metadata(path);
  const auto comment = metadata.find("comment");
  const auto settings = settings_in(comment == metadata.end() ? "" : comment->second);
  if (settings.is_object()) return console.result(json_text(settings));
  if (metadata.empty()) console.info("'" + path.string() + "': says nothing of how it was made");
  console.result(json_text(nlohmann::ordered_json(metadata)));
}

void run_inspect(const InspectArguments& arguments, Console& console) {
  const std::filesystem::path given = arguments.bundle;
  if (!given.empty() && is_output_file(given)) {
    if (arguments.check || arguments.code) {
      refuse("inspect " + freeinit::quote(given.string()) +
             ": is a file; --check and --code look at the folder of a bundle");
    }
    return show_metadata(given, console);
  }
  if (!given.empty() && !std::filesystem::exists(given)) {
    freeinit::raise(freeinit::ErrorCode::not_found,
                    freeinit::quote(given.string()) + ": no such bundle or file");
  }
  const auto folder = bundle_or_default(arguments.bundle);
  if (arguments.check) {
    run_check(folder, arguments, console);
    return;
  }
  const auto manifest = freeinit::read_manifest(folder);
  freeinit::verify_bundle_files(folder, manifest);
  if (arguments.code) return show_code(folder, manifest, arguments, console);
  static_cast<void>(freeinit::find_sampler(manifest.scheduler.sampler));
  if (arguments.json) {
    console.result(json_text(inspect_json(folder, manifest)));
  } else {
    print_manifest(folder, manifest, console);
  }
}

}  // namespace

void add_inspect(CLI::App& app, Action& selected) {
  auto* command =
      app.add_subcommand("inspect", "Show what a bundle is, or check it; what made a file");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("BUNDLE", arguments->bundle, std::string(kBundleHelp) + "; or a file")
      ->type_name("DIR");
  command->add_flag("--json", arguments->json, "Print everything as one JSON object");
  auto* check = command->add_flag("--check", arguments->check,
                                  "Try every part, run each network once, say what is wrong");
  command
      ->add_flag("--code", arguments->code,
                 "List the operators that each network in TorchScript uses")
      ->excludes(check);
  add_allow_operators(*command, arguments->allow_operators);
  command->footer(kInspectFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_inspect(*arguments, console); }; });
}

}  // namespace freeinit_cli
