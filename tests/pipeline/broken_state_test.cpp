// NaN that a network brings within a pass is not kept over what a run can go on from.

#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/pipeline/checkpoint_folder.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace broken_state_test {

/// A run of two passes of four calls, the seventh of which gives NaN.
class BrokenRun : public TinyPipeline {
 protected:
  static constexpr int kGoodCalls = 4 + 2;

  BrokenRun() { hooks.decode = false; }

  /// The hooks of a run that is kept.
  [[nodiscard]] freeinit::GenerationHooks kept_hooks(std::int64_t every) const {
    auto kept = hooks;
    folder_of_run.add_to(kept, at::kCPU);
    kept.checkpoint_every = every;
    return kept;
  }
  [[nodiscard]] std::int64_t kept_calls() const {
    const std::optional<freeinit::VideoState> state = folder_of_run.read(0);
    return state ? state->run.calls : -1;
  }

  const freeinit::TextToVideoPipeline failing = make_failing_pipeline(kGoodCalls);
  const TemporaryFolder folder;
  const freeinit::CheckpointFolder folder_of_run = freeinit::CheckpointFolder::create(
      folder.path() / "run", {.request = request, .inputs = inputs});
};

TEST_F(BrokenRun, IsKeptAsItWasBefore) {
  EXPECT_ERROR(model, "sampling: pass 2, steps 1 to 3: the latents hold NaN",
               failing.generate(request, inputs, {}, kept_hooks(1)));
  EXPECT_EQ(kept_calls(), kGoodCalls);
  const auto resumed = pipeline.generate(request, inputs, {}, kept_hooks(1));
  EXPECT_TRUE(latents_of(resumed).equal(latents()));
}

TEST_F(BrokenRun, AStopWritesThePassBefore) {
  std::stop_source stop;
  std::string warnings;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&stop](const freeinit::Progress& progress) {
    if (progress.calls == kGoodCalls + 1) stop.request_stop();
  };
  control.log = [&warnings](freeinit::LogLevel level, std::string_view message) {
    if (level == freeinit::LogLevel::warning) warnings += message;
  };
  const auto result = failing.generate(request, inputs, control, kept_hooks(0));
  EXPECT_TRUE(result.cancelled);
  EXPECT_EQ(result.videos.at(0).completed_passes, 1);
  EXPECT_NE(warnings.find("pass 2, steps 1 to 3: the latents hold NaN"), std::string::npos);
  EXPECT_EQ(kept_calls(), 4);
}

}  // namespace broken_state_test
