#include "batch/jobs.hpp"

#include "generate/generate_report.hpp"
#include "shared/config_file.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/request_fields.hpp>

#include <algorithm>
#include <utility>

namespace freeinit_cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostJobs = 1'000'000;
constexpr std::size_t kMostBytes = std::size_t{512} << 20;  ///< of the jobs of a line, as text

std::string as_option(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return "--" + key;
}

/// Whether one value of the option is a list already.
bool takes_list(std::string key) {
  std::replace(key.begin(), key.end(), '-', '_');
  const auto fields = freeinit::request_fields();
  const auto field = std::find_if(fields.begin(), fields.end(),
                                  [&key](const auto& candidate) { return candidate.name == key; });
  using freeinit::FieldKind;
  return field != fields.end() &&
         (field->kind == FieldKind::numbers || field->kind == FieldKind::texts);
}

bool is_sweep(const std::string& key, const ordered_json& value) {
  if (!value.is_array()) return false;
  const auto is_list = [](const ordered_json& element) { return element.is_array(); };
  return !takes_list(key) || (!value.empty() && std::all_of(value.begin(), value.end(), is_list));
}

std::size_t text_bytes(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace).size();
}

/// Says where a key belongs that `generate` has and a job has not.
void check_key(const CLI::App& job, const std::string& key) {
  const std::string option = as_option(key);
  if (job.get_option_no_throw(option) != nullptr || key == "prompt") return;
  BatchArguments batch_arguments;
  CLI::App batch;
  add_batch_options(batch, batch_arguments);
  if (batch.get_option_no_throw(option) != nullptr) {
    refuse("key " + freeinit::quote(key) + ": holds for all jobs; expected " + option +
           " of 'freeinit batch'");
  }
  GenerateArguments generate_arguments;
  CLI::App generate;
  add_generate_options(generate, generate_arguments);
  if (generate.get_option_no_throw(option) == nullptr) return;  // the reader knows a better word
  refuse("key " + freeinit::quote(key) + ": no key of a job; " +
         (key == "output" ? "expected 'name', without folder and extension"
                          : "'freeinit generate' has it"));
}

}  // namespace

void add_batch_options(CLI::App& command, BatchArguments& a) {
  auto& common = a.common;
  command.add_option("JOBS", a.jobs,
                     "A JSON object a line with the keys of generate --json; - is standard input");
  command.add_option("--bundle", common.bundle, kBundleHelp)->type_name("DIR");
  OptionGroup output(command, "Output");
  output.add("--out", a.out, "Folder of the videos and of results.jsonl; made if it is not there",
             "DIR");
  output
      .add("--format", a.format,
           "mp4, webm, gif, webp, mov or mkv; png: a folder of frames for each job", "NAME")
      ->check(CLI::IsMember({"mp4", "webm", "gif", "webp", "mov", "mkv", "png"}))
      ->capture_default_str();
  output.add_flag("--save-latents", a.save_latents, "Write the latents, too: NAME.safetensors");
  add_overwrite_option(command, common.overwrite);
  output.add_flag("--no-metadata", common.no_metadata, kNoMetadataHelp);
  output.add("--report", a.report,
             "Write a page that shows the videos of all jobs beside each other: NAME.html", "FILE");
  output.add("--shard", a.shard, "Only every N-th job, from job I on, counted from 0", "I/N");
  output.add_flag("--expand", a.expands,
                  "Print the jobs one by one, lists taken apart and names given, and run none");
  OptionGroup(command, "Machine").add_flag("--check-steps", common.check_steps, kCheckStepsHelp);
  add_runtime_options(command, common.runtime);
}

std::vector<Job> jobs_of_line(const std::string& text, std::int64_t line) {
  ordered_json settings = read_json_object(text, "job");
  for (const std::string_view key : kResultKeys) settings.erase(std::string(key));
  ordered_json without_lists = settings;  // each job is a copy
  for (auto& item : without_lists.items()) {
    if (is_sweep(item.key(), item.value())) item.value() = nullptr;
  }
  const std::size_t most =
      std::clamp<std::size_t>(kMostBytes / text_bytes(without_lists), 1, kMostJobs);
  std::vector<ordered_json> product{std::move(without_lists)};
  for (const auto& [key, values] : settings.items()) {
    if (!is_sweep(key, values)) continue;
    if (values.empty()) refuse("key " + freeinit::quote(key) + ": an empty list; expected values");
    if (values.size() > most / product.size()) {
      refuse(freeinit::concat("lists of values: make more than ", most, " jobs of this size"));
    }
    std::vector<ordered_json> larger;
    for (const ordered_json& job : product) {
      for (const ordered_json& value : values) {
        larger.push_back(job);
        larger.back()[key] = value;
      }
    }
    product = std::move(larger);
  }
  std::vector<Job> jobs;
  const bool is_swept = product.size() > 1;
  for (std::size_t i = 0; i < product.size(); ++i) {
    std::string place = freeinit::concat("line ", line);
    if (is_swept) place += freeinit::concat(" (job ", i + 1, " of ", product.size(), ")");
    jobs.push_back({line, std::move(place), is_swept, i, std::move(product[i]), {}});
  }
  return jobs;
}

Job bad_line(const std::string& text, std::int64_t line, const Failure& why) {
  Job job;
  job.failure = why;
  job.line = line;
  job.place = freeinit::concat("line ", line);
  job.settings = text;
  return job;
}

std::string given_name(const Job& job) {
  const auto found = job.settings.find("name");
  if (found == job.settings.end() || found->is_null()) return {};
  if (!found->is_string()) refuse("name: expected a text");
  return found->get<std::string>();
}

GenerateArguments arguments_of(const Job& job, const BatchArguments& batch) {
  // In place: the options write to where the settings stand.
  GenerateArguments arguments = batch.common;
  CLI::App command("", "generate");
  std::string name;
  add_request_options(command, arguments);
  command.add_option("--name", name);
  refuse_empty_names(command);
  for (const auto& item : job.settings.items()) check_key(command, item.key());
  apply_json(command, job.settings, "job", kResultKeys);
  return arguments;
}

}  // namespace freeinit_cli
