#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace freeinit_cli {

/// The results of a batch, a JSON object a line: those of earlier runs in `results*.jsonl` of its
/// folder, and this run's, which are added to one of them.
class JobResults {
 public:
  /// Makes the folder if it is not there. `suffix`: of this run's file, results<suffix>.jsonl.
  /// Throws freeinit::Error: io.
  JobResults(const std::filesystem::path& folder, const std::string& suffix);
  ~JobResults();
  JobResults(const JobResults&) = delete;
  JobResults& operator=(const JobResults&) = delete;

  /// The result of the job that was last done under this name, if it is this one.
  [[nodiscard]] std::optional<nlohmann::ordered_json> done(const std::string& name,
                                                           const std::string& hash) const;

  /// Writes the line at once and whole: whoever kills the process loses no result. Throws
  /// freeinit::Error: io.
  void add(const nlohmann::ordered_json& result);

  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }

 private:
  void read(const std::filesystem::path& file);

  std::filesystem::path file_;
  int descriptor_ = -1;
  bool torn_ = false;                        ///< the last line of the file has no end
  std::map<std::string, std::string> done_;  ///< by name, the line: smaller than the object
};

/// A result as it is written.
[[nodiscard]] std::string result_line(const nlohmann::ordered_json& result);

}  // namespace freeinit_cli
