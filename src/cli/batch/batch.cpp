#include "batch/batch_run.hpp"
#include "batch/jobs.hpp"
#include "batch/line_reader.hpp"
#include "shared/command.hpp"
#include "shared/error_report.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/text_file.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

constexpr const char* kBatchFooter = R"(
Loads the model once and makes the videos of all jobs. Each finished job is a line of
DIR/results.jsonl and of standard output; a job that fails stops no other. The same command again
does what is not done.

  {"prompt": "a red circle moving right", "seed": 7, "name": "circle"}
  {"prompt": "a blue square", "seed": [1, 2, 3], "num_iters": [1, 3]}      (6 jobs)

Examples:
  freeinit batch jobs.jsonl --out videos --report videos.html
  freeinit batch jobs.jsonl --out videos --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
  freeinit batch - --out videos      (runs each line as it arrives))";

/// One of several processes that share the jobs.
struct Shard {
  std::size_t index = 0, count = 1;
};

Shard shard_of(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.index);
  const bool has_slash = first.ec == std::errc{} && first.ptr != end && *first.ptr == '/';
  const auto second = std::from_chars(has_slash ? first.ptr + 1 : end, end, shard.count);
  if (has_slash && second.ec == std::errc{} && second.ptr == end && shard.index < shard.count) {
    return shard;
  }
  refuse("--shard " + freeinit::quote(text) + ": expected I/N, with I from 0 to N - 1");
}

/// Two jobs of one name would write one file, be they in one shard or in two.
void check_names(const std::vector<Job>& jobs) {
  std::map<std::string, std::int64_t> lines;
  for (const Job& job : jobs) {
    const auto name = job.settings.find("name");
    if (job.is_swept || name == job.settings.end() || !name->is_string()) continue;
    const auto [found, is_new] = lines.emplace(name->get<std::string>(), job.line);
    if (is_new) continue;
    refuse(freeinit::concat("name ", freeinit::quote(found->first), ": given in line ",
                            found->second, " and in line ", job.line,
                            "; expected a name of its own for each job"));
  }
}

/// The jobs of this shard, and in the first one the lines that are none.
std::vector<Job> read_jobs(const std::string& path, const Shard& shard) {
  std::vector<Job> all;
  std::istringstream text(freeinit::read_text_file(path, "job file"));
  std::string line;
  for (std::int64_t number = 1; std::getline(text, line); ++number) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    try {
      auto jobs = jobs_of_line(line, number);
      std::move(jobs.begin(), jobs.end(), std::back_inserter(all));
    } catch (const freeinit::Error&) {
      all.push_back(bad_line(line, number, current_failure()));
    }
  }
  check_names(all);
  std::size_t index = 0;
  std::erase_if(all, [&](const Job& job) {
    return job.failure ? shard.index != 0 : index++ % shard.count != shard.index;
  });
  return all;
}

/// The jobs as they would run, for other programs that share them out.
void print_jobs(const BatchArguments& arguments, const std::vector<Job>& jobs, Console& console) {
  const auto refuse_line = [](const Job& job, const Failure& why) {
    freeinit::raise(static_cast<freeinit::ErrorCode>(why.code), job.place + ": " + why.message);
  };
  for (const Job& job : jobs) {
    if (job.failure) refuse_line(job, *job.failure);
  }
  const auto bundle = read_batch_bundle(arguments.common.bundle);
  for (const Job& job : jobs) {
    try {
      auto settings = job.settings;
      settings["name"] = prepare_job(job, arguments, bundle, console).name;
      console.result(result_line(settings));
    } catch (...) {
      refuse_line(job, current_failure());
    }
  }
}

void run_batch(const BatchArguments& arguments, Console& console) {
  if (arguments.out.empty()) refuse("--out: missing; expected the folder of the results");
  const Shard shard = shard_of(arguments.shard);
  std::optional<std::vector<Job>> jobs;
  if (arguments.jobs != "-") {
    jobs = read_jobs(arguments.jobs, shard);
  } else if (!arguments.shard.empty()) {
    refuse("--shard with '-': expected a file of jobs; standard input has the jobs of one process");
  }
  if (arguments.expands) {
    if (!jobs) refuse("--expand with '-': expected a file of jobs");
    return print_jobs(arguments, *jobs, console);
  }
  BatchRun run(arguments, console);
  if (jobs) {
    run.run_file(*jobs);
  } else {
    LineReader lines;
    std::int64_t number = 0;
    while (const auto line = lines.next(run.interrupt())) {
      ++number;
      if (line->find_first_not_of(" \t\r") != line->npos) run.run_line(*line, number);
    }
    if (run.interrupt().requested()) run.stop();
  }
  run.write_report();
  const auto& [done, skipped, failed] = run.counts();
  console.info(freeinit::concat(done, " jobs done, ", skipped, " were done before, ", failed,
                                " failed: ", run.results_file().string()));
  if (failed == 0) return;
  throw CommandFailure(kSomeFailed,
                       freeinit::concat(failed, " of ", run.counts().all(), " jobs failed; ",
                                        run.results_file().string(), " says why"));
}

}  // namespace

void add_batch(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("batch", "Make the videos of many jobs with one model");
  auto arguments = std::make_shared<BatchArguments>();
  add_batch_options(*command, *arguments);
  command->get_option("JOBS")->required();
  command->footer(kBatchFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_batch(*arguments, console); }; });
}

}  // namespace freeinit_cli
