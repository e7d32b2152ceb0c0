#include "batch/batch_run.hpp"

#include "batch/cached_text_encoder.hpp"
#include "generate/generate_report.hpp"
#include "generate/run_needs.hpp"
#include "generate/run_parts.hpp"
#include "shared/output_files.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/freed_memory.hpp>
#include <freeinit/core/text.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

namespace freeinit_cli {
namespace {

using nlohmann::ordered_json;

std::string suffix_of(const std::string& shard) {
  std::string suffix = shard.empty() ? "" : "." + shard;
  std::replace(suffix.begin(), suffix.end(), '/', '_');
  return suffix;
}

std::string report_title(const BatchArguments& batch) {
  return batch.jobs == "-" ? batch.out : std::filesystem::path(batch.jobs).filename().string();
}

std::vector<std::filesystem::path> videos_of(const PreparedJob& job) {
  const auto plan = job.arguments.output_plan(job.run.request.num_videos);
  std::vector<std::filesystem::path> videos;
  for (int i = 0; i < plan.num_videos; ++i) videos.push_back(plan.video_path(i));
  return videos;
}

std::vector<std::filesystem::path> outputs_of(const PreparedJob& job) {
  auto outputs = videos_of(job);
  const std::filesystem::path latents = job.arguments.save_latents;
  if (!latents.empty()) outputs.push_back(latents);
  return outputs;
}

}  // namespace

BatchRun::BatchRun(const BatchArguments& arguments, Console& console)
    : arguments_(arguments),
      console_(console),
      view_(console),
      control_(make_control(console, view_, interrupt_, stop_, /*discards=*/true)),
      bundle_(read_batch_bundle(arguments.common.bundle)),
      results_(arguments.out, suffix_of(arguments.shard)),
      report_(arguments.report, report_title(arguments), arguments.common.overwrite),
      low_memory_(arguments.common.runtime.low_memory) {}

void BatchRun::fail(const Job& job, const Failure& why, const std::string& name) {
  if (interrupt_.requested()) stop();
  const std::string whose = name.empty() ? job.place : job.place + ", " + name;
  console_.mute(false);
  console_.warning(whose + " failed: " + why.message);
  ordered_json result{{"name", name.empty() ? ordered_json() : ordered_json(name)},
                      {"status", "failed"},
                      {"line", job.line},
                      {"error", why.message},
                      {"code", why.code},
                      {"job", job.settings}};
  results_.add(result);
  tell(job, result, {});
  ++counts_.failed;
}

void BatchRun::tell(const Job& job, const ordered_json& result,
                    std::vector<std::filesystem::path> videos) {
  console_.result(result_line(result));
  report_.add(job, result, std::move(videos));
}

void BatchRun::stop() {
  console_.end_progress();
  write_report();
  freeinit::raise(freeinit::ErrorCode::cancelled,
                  freeinit::concat("stopped: ", counts_.done + counts_.skipped,
                                   " jobs are done; the same command does the others"));
}

std::optional<ordered_json> BatchRun::done_before(const PreparedJob& job) const {
  auto result = results_.done(job.name, job.hash);
  const auto outputs = outputs_of(job);
  const bool are_there = std::all_of(outputs.begin(), outputs.end(), [](const auto& path) {
    std::error_code unknown;
    return std::filesystem::exists(path, unknown);
  });
  return are_there ? std::move(result) : std::nullopt;
}

std::optional<PreparedJob> BatchRun::prepare(const Job& job) {
  if (interrupt_.requested()) stop();
  std::string name;
  try {
    auto prepared = prepare_job(job, arguments_, bundle_, console_);
    name = prepared.name;
    if (auto result = done_before(prepared)) {
      (*result)["status"] = "skipped";
      tell(job, *result, videos_of(prepared));
      ++counts_.skipped;
      return std::nullopt;
    }
    plan_outputs(prepared.run, prepared.arguments, nullptr);
    check_backend(prepared.run);
    fit(prepared.run);
    check_disk(prepared.run);
    return prepared;
  } catch (...) {
    fail(job, current_failure(), name);
  }
  return std::nullopt;
}

void BatchRun::fit(PreparedRun& run) {
  if (pipeline_) {  // what is loaded now stays loaded
    run.bundle_options.low_memory = low_memory_;
    return;
  }
  fit_into_memory(run, /*warns=*/false, console_);
  low_memory_ = low_memory_ || run.bundle_options.low_memory;
}

void BatchRun::check_backend(const PreparedRun& run) {
  const std::string& wanted = run.bundle_options.backend;
  if (backend_.empty()) backend_ = wanted;
  if (wanted == backend_) return;
  refuse("backend: this job takes " + freeinit::quote(wanted) + " and jobs before it " +
         freeinit::quote(backend_) + "; expected --backend for all jobs");
}

std::optional<BatchRun::Waiting> BatchRun::check(const Job& job,
                                                 std::vector<std::filesystem::path>& outputs) {
  if (job.failure) {
    fail(job, *job.failure);
    return std::nullopt;
  }
  const auto prepared = prepare(job);
  if (!prepared) return std::nullopt;
  const auto own = outputs_of(*prepared);
  outputs.insert(outputs.end(), own.begin(), own.end());
  const auto& run = prepared->run;
  return Waiting{&job, freeinit::planned_calls(run.request, run.manifest, run.inputs), run.memory};
}

void BatchRun::run_file(const std::vector<Job>& jobs) {
  std::vector<Waiting> waiting;
  std::vector<std::filesystem::path> outputs;
  for (const Job& job : jobs) report_.expect(job);
  for (const Job& job : jobs) {
    console_.mute(true);  // the same is said when the job runs
    if (const auto checked = check(job, outputs)) waiting.push_back(*checked);
    console_.mute(false);
  }
  (void)check_distinct_outputs(outputs);
  const auto all = std::accumulate(
      waiting.begin(), waiting.end(), 0.0,
      [](double sum, const Waiting& job) { return sum + static_cast<double>(job.calls); });
  double done = 0.0;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const auto& [job, calls, memory] = waiting[i];
    auto prepared = prepare(*job);
    if (!prepared) continue;
    prepared->run.memory = memory;
    const auto share = static_cast<double>(calls) / all;
    const std::string which = freeinit::concat("job ", i + 1, "/", waiting.size(), ", ");
    console_.info(which + prepared->name);
    view_.begin_part(which, done, share);
    run(*job, *prepared);
    done += share;
  }
}

void BatchRun::run_line(const std::string& text, std::int64_t line) {
  std::vector<Job> jobs;
  try {
    jobs = jobs_of_line(text, line);
  } catch (const freeinit::Error&) {
    const auto why = current_failure();
    fail(bad_line(text, line, why), why);
  }
  for (const Job& job : jobs) {
    auto prepared = prepare(job);
    if (!prepared) continue;
    const std::string which = freeinit::concat("job ", counts_.all() + 1, ", ");
    console_.info(which + prepared->name);
    view_.begin_part(which, 0.0, 1.0);
    run(job, *prepared);
  }
}

void BatchRun::load(const PreparedJob& first) {
  const Stopwatch loading;
  PreparedRun run = first.run;
  run.bundle_options.low_memory = low_memory_;
  arguments_.common.runtime.apply_to_process(!low_memory_);
  const auto loaded = load_pipeline(run, std::nullopt, control_);
  const auto& bundle = loaded.bundle();
  pipeline_.emplace(bundle.with(std::make_shared<const CachedTextEncoder>(bundle.text_encoder())));
  load_seconds_ = loading.seconds();
}

void BatchRun::run(const Job& job, PreparedJob& prepared) {
  try {
    if (!pipeline_) load(prepared);
  } catch (...) {
    if (interrupt_.requested()) stop();
    throw;
  }
  auto& arguments = prepared.arguments;
  auto& run = prepared.run;
  PhaseSeconds seconds{{freeinit::Phase::load, std::exchange(load_seconds_, 0.0)}};
  ordered_json result{
      {"name", prepared.name}, {"status", "done"}, {"line", job.line}, {"hash", prepared.hash}};
  try {
    with_memory_advice([&] {
      complete_inputs(run, *pipeline_, control_);
      const auto made =
          generate_and_write(arguments, run, *pipeline_, std::nullopt, control_, console_, seconds);
      result.update(report_json(arguments, run, *pipeline_, made, seconds));
    });
  } catch (...) {
    return fail(job, current_failure(), prepared.name);
  }
  console_.end_progress();
  results_.add(result);
  tell(job, result, videos_of(prepared));
  ++counts_.done;
  give_back_memory_now_and_then();
}

// Without it 1,000 short jobs left twice the memory of 20. What is given back must be cleared when
// it is taken again, which after each of them would take an eighth of their time.
void BatchRun::give_back_memory_now_and_then() {
  const auto now = std::chrono::steady_clock::now();
  if (now - memory_given_back_ < std::chrono::seconds(10)) return;
  freeinit::give_back_freed_memory();
  memory_given_back_ = now;
}

}  // namespace freeinit_cli
