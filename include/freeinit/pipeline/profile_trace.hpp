#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/video_unet.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// Where the time of a run goes, as a Chrome trace (chrome://tracing, Perfetto): one span for each
/// pass, each step in it, each UNet call and scheduler step in that, each re-initialisation, and
/// each unit of the other phases. Only the host's clock is read; on a GPU, where work is queued, a
/// span is the time the host spent.
///
///     ProfileTrace trace;
///     bundle = bundle.with(trace.watch(bundle.unet()));
///     pipeline.generate(request, trace.watch(control));
///     trace.write("run.json");
///
/// Copies share the record. For one run at a time, on one thread.
class FREEINIT_API ProfileTrace {
 public:
  ProfileTrace();

  /// `control` with its progress recorded. Time spent in its callback is left out.
  [[nodiscard]] RunControl watch(RunControl control) const;

  /// `unet` with its calls recorded.
  [[nodiscard]] std::shared_ptr<const VideoUNet> watch(std::shared_ptr<const VideoUNet> unet) const;

  /// The JSON text.
  [[nodiscard]] std::string json() const;

  /// Writes `json()` through a temporary name. Throws Error: io.
  void write(const std::filesystem::path& path) const;

 private:
  struct Record;
  std::shared_ptr<Record> record_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/profile_trace_inl.hpp>
#endif
