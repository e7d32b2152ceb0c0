#include "command.hpp"
#include "default_bundle.hpp"
#include "json_text.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/bundle/manifest.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/pipeline/probe.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

namespace freeinit_cli {
namespace {

struct InspectArguments {
  std::string bundle;
  bool json = false;
  bool probe = false;
};

constexpr const char* kInspectFooter = R"(
Checks what generate checks before it samples: the manifest, size and SHA-256 of every file, and that
each network loads and repeats its part of the manifest, and the schedule. --probe goes on: it tries
every part on its own, runs each network once at a small size, and says what is wrong and how to mend
it.

Examples:
  freeinit inspect path/to/bundle
  freeinit inspect path/to/bundle --json
  freeinit inspect path/to/bundle --probe)";

std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

class Table {
 public:
  explicit Table(Console& console) : console_(console) {}

  void row(const std::string& name, const std::string& value) {
    if (value.empty()) return;
    console_.result(name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + value);
  }

 private:
  Console& console_;
};

std::string unet_text(const freeinit::UNetSpec& unet) {
  return unet.file + ", " + unet.dtype + ", " + std::to_string(unet.in_channels) +
         " channels, text width " + std::to_string(unet.context_dim);
}

std::string limits_text(const freeinit::Manifest& manifest) {
  const auto multiple = manifest.unet.latent_multiple_of * manifest.vae.spatial_scale;
  std::string text = "height and width a multiple of " + std::to_string(multiple);
  if (manifest.unet.max_frames) {
    text += ", at most " + std::to_string(*manifest.unet.max_frames) + " frames";
  }
  return text + ", prompts of at most " + std::to_string(manifest.tokenizer.max_length) + " tokens";
}

std::string recommended_text(const freeinit::RecommendedSettings& r) {
  return std::to_string(r.num_frames) + " frames of " + std::to_string(r.width) + "x" +
         std::to_string(r.height) + " at " + plain(r.fps) + " fps, " +
         std::to_string(r.num_inference_steps) + " steps, guidance " + plain(r.guidance_scale) +
         ", " + std::to_string(r.num_iters) + " passes, filter " + r.filter_method + " " +
         plain(r.spatial_stop_frequency) + "/" + plain(r.temporal_stop_frequency);
}

void print_manifest(const std::filesystem::path& folder, const freeinit::Manifest& manifest,
                    Console& console) {
  Table table(console);
  table.row("bundle", folder.string());
  table.row("name", manifest.name);
  table.row("family", manifest.family);
  table.row("description", manifest.description);
  table.row("license", manifest.license);
  table.row("schema", std::to_string(manifest.schema));
  table.row("unet", unet_text(manifest.unet));
  for (const auto& [name, backend] : manifest.unet_backends) table.row(name, backend.file);
  table.row("text encoder", manifest.text_encoder.file + ", " + manifest.text_encoder.dtype);
  table.row(
      "autoencoder",
      manifest.vae.decoder_file +
          (manifest.vae.encoder_file.empty() ? " (no encoder)" : ", " + manifest.vae.encoder_file) +
          ", " + manifest.vae.dtype + ", 1:" + std::to_string(manifest.vae.spatial_scale));
  table.row("limits", limits_text(manifest));
  table.row("recommended", recommended_text(manifest.recommended));
  for (const auto& [key, value] : manifest.created_by) table.row("made with", key + " " + value);
  for (const auto& [name, record] : manifest.files) {
    console.result("file ok         " + record.sha256 + "  " + std::to_string(record.bytes) +
                   " bytes  " + name);
  }
  console.result("networks ok     every network loads and agrees with the manifest");
}

nlohmann::ordered_json inspect_json(const std::filesystem::path& folder,
                                    const freeinit::Manifest& manifest) {
  auto files = nlohmann::ordered_json::array();
  for (const auto& [name, record] : manifest.files) {
    files.push_back(
        {{"path", name}, {"bytes", record.bytes}, {"sha256", record.sha256}, {"ok", true}});
  }
  std::ifstream text(folder / "manifest.json");
  return {{"bundle", folder.string()},
          {"checks", {{"manifest", true}, {"files", true}, {"networks", true}}},
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

nlohmann::ordered_json probe_json(const std::filesystem::path& folder,
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
void run_probe(const std::filesystem::path& folder, bool json, Console& console) {
  const auto report = freeinit::probe_bundle(folder);
  if (json) {
    console.result(json_text(probe_json(folder, report)));
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

/// Makes every check; throws at the first failure. The UNet is loaded in its reference form, and in
/// the one that generate would run where that is a file of its own.
freeinit::Manifest checked_manifest(const std::filesystem::path& folder) {
  freeinit::BundleOptions options;
  options.backend = "torchscript";
  auto manifest = freeinit::ModelBundle::load(folder, options).manifest();
  static_cast<void>(freeinit::DdimScheduler(freeinit::ddim_config(manifest.scheduler)));
  const auto& used = freeinit::default_unet_backend(manifest, options.device);
  if (used.has_own_file()) {
    static_cast<void>(freeinit::load_unet(folder, manifest, used.name, options.device));
  }
  return manifest;
}

void run_inspect(const InspectArguments& arguments, Console& console) {
  const auto folder = bundle_or_default(arguments.bundle);
  if (arguments.probe) {
    run_probe(folder, arguments.json, console);
    return;
  }
  const auto manifest = checked_manifest(folder);
  if (arguments.json) {
    console.result(json_text(inspect_json(folder, manifest)));
  } else {
    print_manifest(folder, manifest, console);
  }
}

}  // namespace

void add_inspect(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("inspect", "Check a bundle and show what it is");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("BUNDLE", arguments->bundle, kBundleHelp);
  command->add_flag("--json", arguments->json, "Print everything as one JSON object");
  command->add_flag("--probe", arguments->probe,
                    "Try every part, run each network once, say what is wrong");
  command->footer(kInspectFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_inspect(*arguments, console); }; });
}

}  // namespace freeinit_cli
