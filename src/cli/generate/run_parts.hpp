#pragma once

// The parts of a run that `generate` and `batch` share, from the loaded model to the files.

#include "generate/generate_options.hpp"
#include "generate/prepared_run.hpp"
#include "shared/console.hpp"
#include "shared/interrupt.hpp"
#include "shared/progress_view.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/core/run_control.hpp>
#include <freeinit/pipeline/checkpoint_folder.hpp>
#include <freeinit/pipeline/profile_trace.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace freeinit_cli {

/// Shows progress and hands a noted signal to the library. Decoding and writing are finished once a
/// video is there, so the stop is not passed on then unless the video is to be discarded.
[[nodiscard]] freeinit::RunControl make_control(Console& console, ProgressView& view,
                                                const InterruptGuard& interrupt,
                                                std::stop_source& stop, bool discards);

/// The loaded pipeline, its UNet watched by the trace if there is one.
[[nodiscard]] freeinit::TextToVideoPipeline load_pipeline(
    const PreparedRun& run, const std::optional<freeinit::ProfileTrace>& trace,
    const freeinit::RunControl& control);

[[nodiscard]] std::shared_ptr<const freeinit::Autoencoder> autoencoder_of(
    const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline);

/// What needs the networks: the request's own checks, then the latents of --init-video.
void complete_inputs(PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline,
                     const freeinit::RunControl& control);

/// Samples, and writes each video when it is there; `seconds` gets the time of each phase. `kept`:
/// the folder that keeps the run, if there is one. Throws freeinit::Error: as
/// TextToVideoPipeline::generate and OutputWriter; cancelled also where a stop discards the video.
[[nodiscard]] freeinit::GenerationResult generate_and_write(
    const GenerateArguments& arguments, const PreparedRun& run,
    const freeinit::TextToVideoPipeline& pipeline,
    const std::optional<freeinit::CheckpointFolder>& kept, const freeinit::RunControl& control,
    Console& console, PhaseSeconds& seconds);

/// What was written of a run that was stopped after a complete pass.
[[nodiscard]] std::string stop_note(const freeinit::GenerationRequest& request,
                                    const freeinit::GenerationResult& result);

}  // namespace freeinit_cli
