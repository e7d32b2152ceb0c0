#include "batch/job_results.hpp"

#include <freeinit/core/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace freeinit_cli {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  const auto reason = std::error_code(errno, std::generic_category()).message();
  freeinit::raise(freeinit::ErrorCode::io,
                  "'" + path.string() + "': " + what + " (" + reason + ")");
}

/// Of a file that anything may have written to.
bool is_done(const nlohmann::ordered_json& result) {
  const auto has_text = [&result](const char* key) {
    const auto found = result.find(key);
    return found != result.end() && found->is_string();
  };
  return result.is_object() && has_text("status") && result["status"] == "done" &&
         has_text("name") && has_text("hash");
}

/// The files of results in a folder, the one that was written last at the end.
std::multimap<std::filesystem::file_time_type, std::filesystem::path> results_files(
    const std::filesystem::path& folder) {
  std::multimap<std::filesystem::file_time_type, std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto& path = entry.path();
    const std::string name = path.filename().string();
    if (!name.starts_with("results") || path.extension() != ".jsonl") continue;
    std::error_code gone;
    files.emplace(entry.last_write_time(gone), path);
  }
  return files;
}

}  // namespace

JobResults::JobResults(const std::filesystem::path& folder, const std::string& suffix)
    : file_(folder / ("results" + suffix + ".jsonl")) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!std::filesystem::is_directory(folder)) {
    errno = error ? error.value() : ENOTDIR;
    fail(folder, "folder cannot be made");
  }
  for (const auto& [time, file] : results_files(folder)) read(file);
  // Several processes may add to one file.
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(file_, "cannot be written to");
}

JobResults::~JobResults() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void JobResults::read(const std::filesystem::path& file) {
  std::ifstream lines(file);
  std::string line;
  bool has_end = true;
  while (std::getline(lines, line)) {
    has_end = !lines.eof();
    // A line that was cut off when its writer was killed tells of no job that is done.
    const auto result = nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (is_done(result)) done_[result["name"]] = line;
  }
  if (file == file_) torn_ = !has_end;
}

std::optional<nlohmann::ordered_json> JobResults::done(const std::string& name,
                                                       const std::string& hash) const {
  const auto found = done_.find(name);
  if (found == done_.end()) return std::nullopt;
  auto result = nlohmann::ordered_json::parse(found->second);
  return result["hash"] == hash ? std::optional(std::move(result)) : std::nullopt;
}

void JobResults::add(const nlohmann::ordered_json& result) {
  std::string line = result_line(result);
  const std::string text = (torn_ ? "\n" : "") + line + "\n";
  torn_ = true;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(file_, "cannot be written to");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  torn_ = false;
  if (is_done(result)) done_[result["name"]] = std::move(line);
}

std::string result_line(const nlohmann::ordered_json& result) {
  return result.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace freeinit_cli
