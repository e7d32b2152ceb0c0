#pragma once

#include "batch/job_results.hpp"
#include "batch/prepared_job.hpp"
#include "batch/sweep_report.hpp"
#include "shared/console.hpp"
#include "shared/error_report.hpp"
#include "shared/interrupt.hpp"
#include "shared/progress_view.hpp"

#include <freeinit/core/run_control.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace freeinit_cli {

/// What became of the jobs of a batch.
struct JobCounts {
  std::int64_t done = 0, skipped = 0, failed = 0;

  [[nodiscard]] std::int64_t all() const { return done + skipped + failed; }
};

/// Runs jobs one after another on a model that is loaded when the first one needs it. A job that
/// fails is a line of the results like one that is done; what fails all of them is thrown.
class BatchRun {
 public:
  /// Reads the manifest and the results of earlier runs. Throws freeinit::Error.
  BatchRun(const BatchArguments& arguments, Console& console);

  /// All jobs of a file: each is checked before the model is loaded. Throws freeinit::Error:
  /// cancelled after a signal; two outputs of one name.
  void run_file(const std::vector<Job>& jobs);

  /// The jobs of a line that arrived. Throws as above.
  void run_line(const std::string& text, std::int64_t line);

  /// Whether a signal has been noted.
  [[nodiscard]] const InterruptGuard& interrupt() const noexcept { return interrupt_; }
  [[nodiscard]] const JobCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::filesystem::path& results_file() const noexcept {
    return results_.file();
  }

  /// A line that is no job, or a job that cannot run: `why` becomes its result.
  void fail(const Job& job, const Failure& why, const std::string& name = {});

  /// Writes the report, if there shall be one. Throws freeinit::Error: io.
  void write_report() const { report_.write(console_); }

  /// Writes the report. Throws freeinit::Error: cancelled, with how far the batch got; io.
  [[noreturn]] void stop();

 private:
  /// A job that is to run: of many jobs no more is kept, inputs are read again.
  struct Waiting {
    const Job* job;
    std::int64_t calls;
    std::optional<freeinit::MemoryEstimate> memory;
  };

  /// Prints what became of a job, and keeps it for the report.
  void tell(const Job& job, const nlohmann::ordered_json& result,
            std::vector<std::filesystem::path> videos);
  /// The prepared job; nothing where it failed or was done before.
  std::optional<PreparedJob> prepare(const Job& job);
  std::optional<Waiting> check(const Job& job, std::vector<std::filesystem::path>& outputs);
  void run(const Job& job, PreparedJob& prepared);
  void load(const PreparedJob& first);
  /// The result of a run before, if its outputs are still there.
  [[nodiscard]] std::optional<nlohmann::ordered_json> done_before(const PreparedJob& job) const;
  void fit(PreparedRun& run);
  void check_backend(const PreparedRun& run);
  void give_back_memory_now_and_then();

  const BatchArguments& arguments_;
  Console& console_;
  InterruptGuard interrupt_;
  std::stop_source stop_;
  ProgressView view_;
  freeinit::RunControl control_;
  BatchBundle bundle_;
  JobResults results_;
  SweepReport report_;
  std::optional<freeinit::TextToVideoPipeline> pipeline_;
  std::string backend_;  ///< of the first job
  bool low_memory_ = false;
  double load_seconds_ = 0.0;  ///< until the first job has reported them
  JobCounts counts_;
  std::chrono::steady_clock::time_point memory_given_back_ = std::chrono::steady_clock::now();
};

}  // namespace freeinit_cli
