#include "batch/sweep_report.hpp"

#include "batch/job_results.hpp"
#include "batch/report_media.hpp"
#include "generate/generate_report.hpp"
#include "shared/error_report.hpp"
#include "shared/markup_text.hpp"
#include "shared/output_files.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/text.hpp>
#include <freeinit/io/text_file.hpp>

#include <report_page.hpp>

#include <algorithm>
#include <fstream>
#include <set>
#include <string_view>

namespace freeinit_cli {
namespace {

using nlohmann::ordered_json;

/// Known by its first line, a page may be replaced by the next one.
bool is_report(const std::filesystem::path& path) {
  const std::string_view page = kReportPage;
  const auto begin = page.substr(0, page.find('\n'));
  std::string there;
  std::error_code unknown;
  return std::filesystem::is_regular_file(path, unknown) &&
         std::getline(std::ifstream(path), there) && there == begin;
}

/// The page with each `{{name}}` replaced; what is put in is not looked at again.
std::string filled(std::string_view page, const std::map<std::string, std::string>& parts) {
  std::string result;
  for (auto begin = page.find("{{"); begin != page.npos; begin = page.find("{{")) {
    const auto end = page.find("}}", begin);
    result += page.substr(0, begin);
    result += parts.at(std::string(page.substr(begin + 2, end - begin - 2)));
    page.remove_prefix(end + 2);
  }
  return result += page;
}

std::string shown_value(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : result_line(value);
}

/// A setting and its values, in the order of the jobs.
struct SettingValues {
  std::string key;
  std::vector<std::string> values;
};

std::string value_of(const ReportedJob& job, const std::string& key) {
  const auto found = job.settings.find(key);
  return found == job.settings.end() ? "default" : shown_value(*found);
}

/// What the jobs give; lines that are no jobs give nothing.
std::vector<SettingValues> given_settings(const std::vector<const ReportedJob*>& jobs) {
  std::vector<SettingValues> settings;
  std::set<std::string> keys{"name"};
  for (const auto* job : jobs) {
    for (const auto& item : job->settings.items()) {
      if (keys.insert(item.key()).second) settings.push_back({item.key(), {}});
    }
  }
  for (SettingValues& setting : settings) {
    std::set<std::string> values;
    for (const auto* job : jobs) {
      auto value = value_of(*job, setting.key);
      if (values.insert(value).second) setting.values.push_back(std::move(value));
    }
  }
  return settings;
}

std::string term(const std::string& key, const std::string& value) {
  return "<div><dt>" + escaped_markup(key) + "</dt><dd>" + escaped_markup(value) + "</dd></div>";
}

double seconds_of(const ordered_json& result) {
  const auto phases = result.find("seconds");
  if (phases == result.end()) return 0.0;
  double sum = 0.0;
  for (const auto& item : phases->items()) {
    if (item.key() != "load" && item.value().is_number()) sum += item.value().get<double>();
  }
  return sum;
}

const char* status_of(const ReportedJob& job) {
  if (job.result.is_null()) return "open";
  return job.result["status"] == "failed" ? "failed" : "done";
}

class Page {
 public:
  Page(std::string title, const std::vector<const ReportedJob*>& all, const ReportMedia& media)
      : title_(std::move(title)), all_(all), media_(media) {
    for (const auto* job : all) (job->settings.is_object() ? jobs_ : lines_).push_back(job);
    for (SettingValues& setting : given_settings(jobs_)) {
      given_.insert(setting.key);
      (setting.values.size() > 1 ? varied_ : constant_).push_back(std::move(setting));
    }
    const auto prompt =
        std::find_if(constant_.begin(), constant_.end(),
                     [](const SettingValues& setting) { return setting.key == "prompt"; });
    heading_ = title_;
    if (prompt == constant_.end()) return;
    heading_ = prompt->values.front();
    constant_.erase(prompt);
  }

  [[nodiscard]] std::string text() const {
    return filled(kReportPage, {{"sources", media_.sources()},
                                {"title", escaped_markup(title_)},
                                {"heading", escaped_markup(heading_)},
                                {"summary", escaped_markup(summary())},
                                {"constants", constants()},
                                {"defaults", defaults()},
                                {"jobs", is_grid() ? grid() + cards(lines_) : cards(all_)}});
  }

 private:
  [[nodiscard]] std::string summary() const {
    std::map<std::string_view, int> counts;
    const ordered_json* made = nullptr;
    double seconds = 0.0;
    for (const auto* job : all_) {
      ++counts[status_of(*job)];
      seconds += seconds_of(job->result);
      if (job->result.contains("model")) made = &job->result;
    }
    std::string text = freeinit::concat(counts["done"], " done");
    if (counts["failed"] > 0) text += freeinit::concat(", ", counts["failed"], " failed");
    if (counts["open"] > 0) text += freeinit::concat(", ", counts["open"], " not run");
    text += " \u00b7 " + fixed_number(seconds, 1) + " s";
    for (const char* key : {"model", "device", "dtype"}) {
      if (made != nullptr && made->contains(key)) text += " \u00b7 " + shown_value((*made)[key]);
    }
    return text;
  }

  [[nodiscard]] std::string constants() const {
    std::string terms;
    for (const SettingValues& setting : constant_)
      terms += term(setting.key, setting.values.front());
    return terms;
  }

  /// What no job gives and all were made with.
  [[nodiscard]] std::string defaults() const {
    std::set<std::string> hidden{"name", "status", "line", "hash", "output"};
    hidden.insert(kResultKeys.begin(), kResultKeys.end());
    hidden.insert(given_.begin(), given_.end());
    ordered_json same;
    for (const auto* job : jobs_) {
      if (status_of(*job) != std::string_view("done")) continue;
      if (same.is_null()) same = job->result;
      for (auto item = same.begin(); item != same.end();) {
        const bool differs = job->result.value(item.key(), ordered_json()) != item.value();
        item = differs ? same.erase(item) : std::next(item);
      }
    }
    std::string terms;
    for (const auto& item : same.items()) {
      if (!hidden.contains(item.key()) && !item.value().is_null()) {
        terms += term(item.key(), shown_value(item.value()));
      }
    }
    return terms;
  }

  /// Whether two settings differ and most of their pairs are there.
  [[nodiscard]] bool is_grid() const {
    return varied_.size() == 2 &&
           2 * jobs_.size() > varied_[0].values.size() * varied_[1].values.size();
  }

  [[nodiscard]] std::string grid() const {
    const SettingValues *rows = &varied_[0], *columns = &varied_[1];
    if (columns->key == "prompt") std::swap(rows, columns);  // a row has room for a long text
    std::map<std::pair<std::string, std::string>, std::string> cells;
    for (const auto* job : jobs_) {
      cells[{value_of(*job, rows->key), value_of(*job, columns->key)}] += card(*job, {});
    }
    const auto head = [](const char* scope, const std::string& key, const std::string& value) {
      return freeinit::concat("<th scope=\"", scope, "\"><small>", escaped_markup(key), "</small> ",
                              escaped_markup(value), "</th>");
    };
    std::string html = "<table>\n<thead><tr><td></td>";
    for (const auto& column : columns->values) html += head("col", columns->key, column);
    html += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows->values) {
      html += "<tr>" + head("row", rows->key, row);
      for (const auto& column : columns->values) html += "<td>" + cells[{row, column}] + "</td>\n";
      html += "</tr>\n";
    }
    return html + "</tbody>\n</table>\n";
  }

  [[nodiscard]] std::string cards(const std::vector<const ReportedJob*>& jobs) const {
    std::string html;
    for (const auto* job : jobs) html += card(*job, varied_);
    return html.empty() ? html : "<section class=\"cards\">\n" + html + "</section>\n";
  }

  [[nodiscard]] std::string card(const ReportedJob& job,
                                 const std::vector<SettingValues>& settings) const {
    const std::string status = status_of(job);
    std::string html = "<figure class=\"" + status + "\"><div class=\"media\">";
    if (status == "open") html += "<p>not run</p>";
    if (status == "failed")
      html += "<p>" + escaped_markup(shown_value(job.result["error"])) + "</p>";
    const double fps = job.result.is_object() ? job.result.value("fps", 8.0) : 8.0;
    for (const auto& video : job.videos) html += media_.element(video, fps);
    html += "</div><figcaption>";
    if (!job.settings.is_object()) {
      html += "<code>" + escaped_markup(shown_value(job.settings)) + "</code>";
    } else if (!settings.empty()) {
      html += "<dl>";
      for (const SettingValues& setting : settings)
        html += term(setting.key, value_of(job, setting.key));
      html += "</dl>";
    }
    return html + "<p>" + facts(job) + "</p></figcaption></figure>\n";
  }

  /// The line below each video.
  [[nodiscard]] std::string facts(const ReportedJob& job) const {
    const ordered_json& result = job.result;
    if (result.is_null()) return {};
    std::string text = "<b>" + std::string(status_of(job)) + "</b>";
    if (result["status"] == "failed")
      text += freeinit::concat(" \u00b7 line ", shown_value(result["line"]));
    if (result.contains("seconds")) text += " \u00b7 " + fixed_number(seconds_of(result), 1) + " s";
    if (result.contains("seed") && !given_.contains("seed")) {
      text += " \u00b7 seed " + escaped_markup(shown_value(result["seed"]));
    }
    if (!result["name"].is_null()) text += " \u00b7 " + escaped_markup(shown_value(result["name"]));
    return text;
  }

  std::string title_, heading_;
  std::vector<const ReportedJob*> all_, jobs_, lines_;  ///< of those: jobs, and lines that are none
  std::vector<SettingValues> varied_, constant_;
  std::set<std::string> given_;  ///< keys of both
  const ReportMedia& media_;
};

}  // namespace

SweepReport::SweepReport(std::filesystem::path path, std::string title, bool overwrite)
    : path_(std::move(path)), title_(std::move(title)) {
  if (path_.empty()) return;
  if (path_.extension() != ".html") {
    refuse("--report " + freeinit::quote(path_.string()) + ": expected a name that ends in .html");
  }
  check_output(path_, overwrite || is_report(path_));
}

void SweepReport::expect(const Job& job) {
  add(job, nullptr, {});
}

void SweepReport::add(const Job& job, const ordered_json& result,
                      std::vector<std::filesystem::path> videos) {
  if (path_.empty()) return;
  ordered_json settings = job.settings;
  if (settings.is_object()) {
    settings.clear();
    for (const auto& item : job.settings.items()) {
      std::string key = item.key();
      std::replace(key.begin(), key.end(), '-', '_');
      settings[key] = item.value();
    }
  }
  jobs_[{job.line, job.index}] = {std::move(settings), result, std::move(videos)};
}

void SweepReport::write(Console& console) const {
  if (path_.empty()) return;
  std::vector<const ReportedJob*> jobs;
  std::vector<std::filesystem::path> videos;
  for (const auto& [place, job] : jobs_) {
    jobs.push_back(&job);
    videos.insert(videos.end(), job.videos.begin(), job.videos.end());
  }
  const ReportMedia media(path_, videos);
  freeinit::write_text_file(path_, Page(title_, jobs, media).text());
  say_written(path_, console);
}

}  // namespace freeinit_cli
