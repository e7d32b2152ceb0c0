#pragma once

#include "generate/generate_options.hpp"
#include "generate/output_plan.hpp"
#include "shared/console.hpp"

#include <freeinit/pipeline/checkpoint_folder.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace freeinit_cli {

/// The run of `--resume`; nothing without it. Throws freeinit::Error: as CheckpointFolder::open.
[[nodiscard]] std::optional<freeinit::CheckpointFolder> open_kept_run(
    const CheckpointArguments& arguments);

/// Refuses a folder for checkpoints that holds a run already, is none, or cannot be written to.
/// Throws freeinit::Error: invalid_argument, io.
void check_checkpoint_folder(const GenerateArguments& arguments);

/// What `with_kept` reads: where the run finds and puts its files, and what it computes with.
[[nodiscard]] std::map<std::string, std::string> notes_of_run(
    const GenerateArguments& arguments, const OutputPlan& plan,
    const freeinit::TextToVideoPipeline& pipeline);

/// `arguments` with what those of the kept run said and these do not. Warns of what may change the
/// last digits. Throws freeinit::Error: invalid_argument where they name files to start from, which
/// the kept run has, or ask for passes that it has not.
[[nodiscard]] GenerateArguments with_kept(GenerateArguments arguments,
                                          const freeinit::CheckpointFolder& kept, Console& console);

/// The kept request with what `arguments` may change of it. Reads all states of its videos, so that
/// damage is refused before a network is read. Throws freeinit::Error: as
/// CheckpointFolder::check_request.
[[nodiscard]] freeinit::GenerationRequest kept_request(const GenerateArguments& arguments,
                                                       const freeinit::CheckpointFolder& kept);

/// Keeps a request that asks for no more passes or videos than the former one. Of one that does,
/// the first checkpoint says so (`add_checkpoints`): until then it can be taken back. Throws
/// freeinit::Error: as CheckpointFolder::set_request.
void keep_request(freeinit::CheckpointFolder& kept, const freeinit::GenerationRequest& request);

/// The videos of `plan` that the kept run has written and this one does not change: those that are
/// done and not extended, whose file is there and no older than that.
[[nodiscard]] std::set<std::filesystem::path> written_videos(
    const OutputPlan& plan, const freeinit::CheckpointFolder& kept,
    const freeinit::GenerationRequest& request);

/// Keeps the run of `hooks` in the folder, and with its first checkpoint the request, which must
/// outlive the run. A checkpoint that cannot be written is a warning: the former one stays, and the
/// run goes on.
void add_checkpoints(freeinit::GenerationHooks& hooks, const freeinit::CheckpointFolder& folder,
                     const freeinit::GenerationRequest& request,
                     const CheckpointArguments& arguments, at::Device device, Console& console);

}  // namespace freeinit_cli
