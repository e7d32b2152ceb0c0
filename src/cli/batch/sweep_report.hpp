#pragma once

#include "batch/jobs.hpp"
#include "shared/console.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace freeinit_cli {

/// A job on the page.
struct ReportedJob {
  nlohmann::ordered_json settings;  ///< as the job gives them, by name; a text: a line that is none
  nlohmann::ordered_json result;    ///< null: it has not run
  std::vector<std::filesystem::path> videos;
};

/// The jobs of a batch as one HTML page: their videos beside each other, in rows and columns where
/// two settings differ, with what differs, what is the same in all, and what failed.
class SweepReport {
 public:
  /// `path`: of the page; empty: there is none, and the others do nothing. `title`: of the batch.
  /// Throws freeinit::Error: invalid_argument for an extension other than .html, and for a file
  /// that is there and no such page without `overwrite`; io.
  SweepReport(std::filesystem::path path, std::string title, bool overwrite);

  /// A job that is to run.
  void expect(const Job& job);
  /// What became of it.
  void add(const Job& job, const nlohmann::ordered_json& result,
           std::vector<std::filesystem::path> videos);
  /// Writes the page of all jobs, in the order of their file. Throws freeinit::Error: io.
  void write(Console& console) const;

 private:
  std::filesystem::path path_;
  std::string title_;
  std::map<std::pair<std::int64_t, std::size_t>, ReportedJob> jobs_;  ///< by line and place in it
};

}  // namespace freeinit_cli
