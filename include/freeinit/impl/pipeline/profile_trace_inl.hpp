#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/io/text_file.hpp>
#include <freeinit/pipeline/profile_trace.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Spans as progress events and UNet calls end them. Times are microseconds since the start.
struct ProfileTrace::Record {
  struct Span {
    std::string name;
    std::string category;
    std::int64_t begin;
    std::int64_t end;
  };

  [[nodiscard]] std::int64_t now() const {
    const auto elapsed = std::chrono::steady_clock::now() - start;
    return std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  }

  void add(std::string name, std::string category, std::int64_t begin, std::int64_t end) {
    spans.push_back({std::move(name), std::move(category), begin, end});
  }

  void unet_call_done(const char* name, std::int64_t begin) {
    unet_end = now();
    add(name, "unet", begin, unet_end);
  }

  /// A unit of a phase has ended; it began where the one before it did.
  void event(const Progress& progress) {
    const std::int64_t end = now();
    const std::string phase(to_string(progress.phase));
    if (progress.phase == Phase::denoise) {
      denoise_event(progress, end);
    } else if (progress.step > 0) {
      add(phase + " " + std::to_string(progress.step), phase, last, end);
    }
    unet_end = 0;
  }

  void denoise_event(const Progress& progress, std::int64_t end) {
    if (progress.step == 0) {
      pass_begin = end;  // reported when the pass has its noise
      return;
    }
    add("step " + std::to_string(progress.step), "step", last, end);
    if (unet_end > last) add("scheduler", "scheduler", unet_end, end);
    if (progress.step == progress.num_steps) {
      add("video " + std::to_string(progress.video + 1) + ", pass " +
              std::to_string(progress.pass + 1),
          "pass", pass_begin, end);
    }
  }

  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  /// When time 0 was, for who compares with other clocks (benchmarks/measuring/first_call.py).
  double unix_seconds =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<Span> spans;
  std::int64_t last = 0;  ///< where the running unit began
  std::int64_t pass_begin = 0;
  std::int64_t unet_end = 0;  ///< of the last UNet call of the running unit; 0: none
};

namespace detail {

/// A UNet with a stopwatch: `done` is told the name and the begin of each call.
template <class Record>
class WatchedUNet final : public VideoUNet {
 public:
  WatchedUNet(std::shared_ptr<const VideoUNet> unet, std::shared_ptr<Record> record)
      : unet_(std::move(unet)), record_(std::move(record)) {}

  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override {
    const std::int64_t begin = record_->now();
    at::Tensor output = unet_->predict(input);
    record_->unet_call_done("unet", begin);
    return output;
  }
  [[nodiscard]] bool can_reuse_features() const noexcept override {
    return unet_->can_reuse_features();
  }
  [[nodiscard]] DeepPrediction predict_deep(const UNetInput& input) const override {
    const std::int64_t begin = record_->now();
    DeepPrediction output = unet_->predict_deep(input);
    record_->unet_call_done("unet", begin);
    return output;
  }
  [[nodiscard]] at::Tensor predict_shallow(const UNetInput& input,
                                           const at::Tensor& deep) const override {
    const std::int64_t begin = record_->now();
    at::Tensor output = unet_->predict_shallow(input, deep);
    record_->unet_call_done("unet, shallow", begin);
    return output;
  }
  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override {
    unet_->check_input(latents, text);
  }

 private:
  std::shared_ptr<const VideoUNet> unet_;
  std::shared_ptr<Record> record_;
};

}  // namespace detail

FREEINIT_INLINE ProfileTrace::ProfileTrace() : record_(std::make_shared<Record>()) {}

FREEINIT_INLINE RunControl ProfileTrace::watch(RunControl control) const {
  control.progress = [record = record_,
                      inner = std::move(control.progress)](const Progress& progress) {
    record->event(progress);
    if (inner) inner(progress);
    record->last = record->now();
  };
  return control;
}

FREEINIT_INLINE std::shared_ptr<const VideoUNet> ProfileTrace::watch(
    std::shared_ptr<const VideoUNet> unet) const {
  return std::make_shared<const detail::WatchedUNet<Record>>(std::move(unet), record_);
}

FREEINIT_INLINE std::string ProfileTrace::json() const {
  auto events = nlohmann::ordered_json::array();
  for (const Record::Span& span : record_->spans) {
    events.push_back({{"name", span.name},
                      {"cat", span.category},
                      {"ph", "X"},
                      {"ts", span.begin},
                      {"dur", span.end - span.begin},
                      {"pid", 1},
                      {"tid", 1}});
  }
  const nlohmann::ordered_json whole{{"traceEvents", std::move(events)},
                                     {"displayTimeUnit", "ms"},
                                     {"otherData", {{"unix_seconds", record_->unix_seconds}}}};
  return whole.dump(1);
}

FREEINIT_INLINE void ProfileTrace::write(const std::filesystem::path& path) const {
  write_text_file(path, json() + "\n");
}

}  // namespace freeinit::inline FREEINIT_ABI
