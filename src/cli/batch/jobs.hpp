#pragma once

#include "generate/generate_options.hpp"
#include "shared/error_report.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// The options of `batch`.
struct BatchArguments {
  std::string jobs;  ///< file, or "-"
  std::string out, format = "mp4", shard, report;
  bool save_latents = false;
  bool expands = false;      ///< prints the jobs and runs none
  GenerateArguments common;  ///< what holds for all jobs: bundle, machine, files
};

void add_batch_options(CLI::App& command, BatchArguments& arguments);

/// What one line, or one element of the product that it stands for, asks for.
struct Job {
  std::int64_t line = 0;
  std::string place;      ///< "line 3", "line 3 (job 2 of 6)"
  bool is_swept = false;  ///< one of several of its line
  std::size_t index = 0;  ///< among those of its line
  nlohmann::ordered_json settings;
  std::optional<Failure> failure{};  ///< of a line that is no job
};

/// The jobs of a line, one JSON object: a list where an option takes one value stands for a job
/// with each of its elements, several of them for their product, the last one running fastest.
/// Throws freeinit::Error: invalid_file, invalid_argument.
[[nodiscard]] std::vector<Job> jobs_of_line(const std::string& text, std::int64_t line);

/// What stands in the results for a line that is no job.
[[nodiscard]] Job bad_line(const std::string& text, std::int64_t line, const Failure& why);

/// The name that the job gives itself; empty without one.
[[nodiscard]] std::string given_name(const Job& job);

/// The options that `generate` would be given for this job, but for the names of its files. Throws
/// freeinit::Error, CLI::Error.
[[nodiscard]] GenerateArguments arguments_of(const Job& job, const BatchArguments& batch);

}  // namespace freeinit_cli
