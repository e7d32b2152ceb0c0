#pragma once

#include "generate/generate_options.hpp"
#include "generate/output_plan.hpp"
#include "generate/pass_comparison.hpp"
#include "generate/work_left.hpp"
#include "shared/console.hpp"

#include <freeinit/pipeline/checkpoint_folder.hpp>
#include <freeinit/pipeline/memory_estimate.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>

namespace freeinit_cli {

/// A run before any network is read: whatever can be refused without them has been.
struct PreparedRun {
  OutputPlan plan;
  freeinit::BundleOptions bundle_options;
  std::filesystem::path bundle;
  freeinit::Manifest manifest;
  freeinit::GenerationRequest request;
  freeinit::GenerationInputs inputs;
  at::Tensor init_frames;  ///< of --init-video, [F,H,W,3] uint8; else undefined
  WorkLeft left{};         ///< once outputs are planned
  std::optional<freeinit::MemoryEstimate> memory;  ///< nothing for a bundle that does not tell
  std::optional<std::int64_t> room{};  ///< bytes that the process can have; nothing: unknown
};

/// What the plan's comparison of the passes of video `index` starts as. Throws freeinit::Error: as
/// PassComparison.
[[nodiscard]] PassComparison comparison_of(const PreparedRun& run, int index);

/// The request with what it starts from, as far as it can be checked without networks; nothing is
/// planned yet of outputs. `kept`: the run of --resume, or null. Throws freeinit::Error.
[[nodiscard]] PreparedRun check_settings(const GenerateArguments& arguments,
                                         std::filesystem::path bundle, freeinit::Manifest manifest,
                                         const freeinit::CheckpointFolder* kept, Console& console);

/// Plans the outputs of a checked run and refuses those that cannot be written. Throws
/// freeinit::Error.
void plan_outputs(PreparedRun& run, const GenerateArguments& arguments,
                  const freeinit::CheckpointFolder* kept);

/// Reads the manifest, checks outputs, settings, memory and disk, and sets what holds for the whole
/// process. `kept`: the run of --resume, or null. Throws freeinit::Error.
[[nodiscard]] PreparedRun prepare(const GenerateArguments& arguments,
                                  const freeinit::CheckpointFolder* kept, Console& console);

}  // namespace freeinit_cli
