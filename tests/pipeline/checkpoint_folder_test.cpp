// A run that ends anywhere goes on from its folder to the bits of one that did not.

#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/noise/noise_source.hpp>
#include <freeinit/passes/checkpoint.hpp>
#include <freeinit/pipeline/checkpoint_folder.hpp>

#include <ATen/ops/ones.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace checkpoint_folder_test {

using freeinit::CheckpointFolder;
using freeinit::GenerationResult;
using freeinit::RunControl;

/// What ends a run as a crash does: between two calls, with nothing said.
struct Crash : std::runtime_error {
  Crash() : std::runtime_error("crash") {}
};

class KeptRun : public TinyPipeline {
 protected:
  KeptRun() { hooks.decode = false; }

  [[nodiscard]] CheckpointFolder create() const {
    return CheckpointFolder::create(run_folder,
                                    {request, inputs, hashes(), {{"a note", "of mine"}}});
  }
  [[nodiscard]] CheckpointFolder open() const { return CheckpointFolder::open(run_folder); }
  [[nodiscard]] std::map<std::string, std::string> hashes() const {
    return freeinit::bundle_hashes(tiny_bundle_folder(), pipeline.bundle().manifest());
  }

  /// Denoising and inverting calls go on until `calls` of them are made.
  [[nodiscard]] static RunControl control_of(int calls, const std::function<void()>& end) {
    RunControl control;
    control.progress = [calls, end, made = 0](const freeinit::Progress& progress) mutable {
      const bool called = (progress.phase == freeinit::Phase::denoise && progress.step > 0) ||
                          progress.phase == freeinit::Phase::invert;
      if (called && ++made == calls) end();
    };
    return control;
  }

  void run_kept(const RunControl& control, std::int64_t every,
                freeinit::GenerationHooks run_hooks) {
    const auto kept = CheckpointFolder::create(run_folder, {request, inputs, hashes()});
    kept.add_to(run_hooks, pipeline.bundle().device());
    run_hooks.checkpoint_every = every;  // network calls; 0: after each pass alone
    (void)pipeline.generate(request, inputs, control, run_hooks);
  }

  void crash_after(int calls, std::int64_t every) {
    const auto control = control_of(calls, [] { throw Crash(); });
    EXPECT_THROW(run_kept(control, every, hooks), Crash);
  }

  void stop_after(int calls) {
    std::stop_source stop;
    auto control = control_of(calls, [&stop] { stop.request_stop(); });
    control.stop = stop.get_token();
    try {
      run_kept(control, 0, hooks);
    } catch (const freeinit::Error& error) {
      EXPECT_EQ(error.code(), freeinit::ErrorCode::cancelled);
    }
  }

  /// Goes on as another process would: all it knows is in the folder.
  [[nodiscard]] GenerationResult resume(const RunControl& control,
                                        freeinit::GenerationHooks run_hooks) const {
    const auto kept = CheckpointFolder::open(run_folder);
    kept.check_bundle(hashes());
    kept.add_to(run_hooks, pipeline.bundle().device());
    return pipeline.generate(kept.record().request, kept.record().inputs, control, run_hooks);
  }
  [[nodiscard]] GenerationResult resume(int* calls = nullptr) const {
    RunControl control;
    control.progress = [calls](const freeinit::Progress& progress) {
      if (calls && progress.phase == freeinit::Phase::denoise && progress.step > 0) ++*calls;
    };
    return resume(control, hooks);
  }

  void expect_resumes_everywhere() {
    const GenerationResult expected = generate();
    const auto equals = [&](const GenerationResult& result) {
      EXPECT_TRUE(latents_of(result).equal(latents_of(expected)));
      ASSERT_EQ(result.videos.size(), expected.videos.size());
      for (std::size_t i = 0; i < result.videos.size(); ++i) {
        EXPECT_EQ(result.videos[i].unet_calls, expected.videos[i].unet_calls);
        EXPECT_EQ(result.videos[i].calls_per_pass, expected.videos[i].calls_per_pass);
      }
    };
    const auto calls = static_cast<int>(expected.unet_calls());
    for (int after = 1; after <= calls; ++after) {
      SCOPED_TRACE(after);
      crash_after(after, after % 3);
      equals(resume());
      stop_after(after);
      equals(resume());
    }
  }

  const TemporaryFolder folder;
  const std::filesystem::path run_folder = folder.path() / "run";
};

TEST_F(KeptRun, GoesOnToTheSameBits) {
  expect_resumes_everywhere();
}

TEST_F(KeptRun, WithNoiseInEachStep) {
  request.eta = 0.7;
  expect_resumes_everywhere();
}

TEST_F(KeptRun, WithEarlierOutputs) {
  request.sampler = "unipc";
  expect_resumes_everywhere();
}

TEST_F(KeptRun, WithFreqpriorFromPartialPasses) {
  request.free_init.num_iters = 3;
  request.free_init.mix.method = freeinit::MixMethod::freqprior;
  request.free_init.intermediate = {.result = freeinit::IntermediateResult::partial, .steps = 2};
  expect_resumes_everywhere();
}

TEST_F(KeptRun, WithSeveralVideos) {
  request.num_videos = 2;
  inputs.initial_noise = freeinit::NoiseSource(3).draw({2, 4, 4, 8, 8});
  expect_resumes_everywhere();
}

TEST_F(KeptRun, WithReusedFeatures) {
  request.cache_interval = 3;
  request.guidance_interval = {0.4, 1.0};  // leaving it makes a whole call
  expect_resumes_everywhere();
}

TEST_F(KeptRun, FromTheNoiseOfARealVideo) {
  inputs.video_latents = freeinit::NoiseSource(3).draw({1, 4, 4, 8, 8});
  request.real_video.source = freeinit::VideoNoiseSource::invert;
  request.real_video.low_band = true;
  expect_resumes_everywhere();
}

TEST_F(KeptRun, FromARealVideo) {
  inputs.video_latents = freeinit::NoiseSource(3).draw({1, 4, 4, 8, 8});
  request.real_video.strength = 0.75;
  expect_resumes_everywhere();
}

TEST_F(KeptRun, InWindowsWithScheduledNoise) {
  request.num_frames = 8;
  request.context.length = 4;
  request.context.noise = freeinit::LongNoise::shuffle_context;
  expect_resumes_everywhere();
}

TEST_F(KeptRun, WithAMask) {
  inputs.filter_mask = at::ones({4, 8, 8}).mul(0.5);
  stop_after(5);
  const auto record = open().record();
  EXPECT_TRUE(record.inputs.filter_mask.equal(inputs.filter_mask));
  EXPECT_TRUE(record.request == request);
  EXPECT_TRUE(latents_of(resume()).equal(latents()));
}

TEST_F(KeptRun, OfMorePassesRepeatsNone) {
  stop_after(1000);
  int calls = 0;
  (void)resume(&calls);
  EXPECT_EQ(calls, 0);
  request.free_init.num_iters = 4;
  open().set_request(request);
  const auto extended = resume(&calls);
  EXPECT_EQ(calls, 8);
  EXPECT_EQ(extended.videos[0].unet_calls, 16);
  EXPECT_TRUE(latents_of(extended).equal(latents()));
}

TEST_F(KeptRun, OfFewerPassesTakesBackWhatWasNotBegun) {
  request.free_init.num_iters = 9;
  stop_after(4 + 1);  // in the second pass
  request.free_init.num_iters = 1;
  EXPECT_ERROR(invalid_argument, "none that was begun is taken back; expected 2 or more",
               (open().set_request(request), 0));
  for (const int passes : {2, 4}) {  // and more again
    request.free_init.num_iters = passes;
    open().set_request(request);
    EXPECT_TRUE(latents_of(resume()).equal(latents())) << passes;
  }
}

TEST_F(KeptRun, KeepsTheFormerRequestWhereTheNewOneCannotBeWritten) {
  auto kept = create();
  std::filesystem::remove_all(run_folder);
  request.num_videos = 2;
  EXPECT_ERROR(io, "does not exist", (kept.set_request(request), 0));
  EXPECT_EQ(kept.record().request.num_videos, 1);
}

// What the caller has seen of a pass is on the disk already.
TEST_F(KeptRun, IsKeptBeforeAPassIsHandedOn) {
  const auto kept = create();
  kept.add_to(hooks, at::kCPU);
  hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
    const auto state = kept.read(0);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->run.pass, at.pass + 1);
    EXPECT_EQ(state->done, at.pass == 1);
    EXPECT_TRUE(state->run.latents.equal(latents));
  };
  (void)generate();
}

TEST_F(KeptRun, RefusesAnotherRequest) {
  stop_after(4 + 1);  // in the second pass
  auto kept = open();
  const auto refuses = [&](const char* says,
                           const std::function<void(freeinit::GenerationRequest&)>& change) {
    auto other = request;
    change(other);
    EXPECT_ERROR(invalid_argument, says, (kept.set_request(other), 0));
  };
  refuses("prompt 'a dog': the run was kept with 'a cat'", [](auto& r) { r.prompt = "a dog"; });
  refuses("num_inference_steps '9'", [](auto& r) { r.num_inference_steps = 9; });
  refuses("sampler 'euler': the run was kept with (none)", [](auto& r) { r.sampler = "euler"; });
  refuses("seed '8'", [](auto& r) { r.seed = 8; });
  refuses("num_iters '1': the kept run has 2 passes", [](auto& r) { r.free_init.num_iters = 1; });
  auto more = request;
  more.num_videos = 3;
  more.output_fps = 3.0;
  more.decode_chunk_size = 1;
  EXPECT_NO_THROW(kept.set_request(more));
}

TEST(ContinuedRequest, MorePassesOnlyWhereAllAreAlike) {
  const auto refuses = [](const char* says,
                          const std::function<void(freeinit::FreeInitOptions&)>& change) {
    freeinit::GenerationRequest kept;
    change(kept.free_init);
    auto more = kept;
    more.free_init.num_iters = 5;
    EXPECT_ERROR(invalid_argument, says, (freeinit::check_continued_request(kept, more), 0));
  };
  refuses("fast_sampling", [](auto& o) { o.fast_sampling = true; });
  refuses("budget_calls", [](auto& o) { o.budget_calls = 60; });
  refuses("intermediate", [](auto& o) {
    o.intermediate = {.result = freeinit::IntermediateResult::prediction, .steps = 3};
  });
}

TEST_F(KeptRun, RefusesAnotherBundle) {
  const auto kept = create();
  auto other = hashes();
  EXPECT_NO_THROW(kept.check_bundle(other));
  other["unet.pt"] = std::string(64, '0');
  EXPECT_ERROR(invalid_argument, "'unet.pt' is '0000000000000000'", (kept.check_bundle(other), 0));
  other = hashes();
  other.erase("unet.pt");
  EXPECT_ERROR(invalid_argument, "'unet.pt' is 'not there'", (kept.check_bundle(other), 0));
  other = hashes();
  other["new.pt"] = std::string(64, '1');
  EXPECT_ERROR(invalid_argument, "'new.pt'", (kept.check_bundle(other), 0));
}

TEST_F(KeptRun, RefusesOtherVersionsAndDamage) {
  stop_after(3);
  const auto path = run_folder / "run.safetensors";
  const auto whole = freeinit::Checkpoint::read(path);
  auto other = whole;
  other.texts["version"] = "9.9.9";
  other.write(path);
  EXPECT_ERROR(unsupported, "made by freeinit '9.9.9'", open());
  other = whole;
  other.texts["request"] = R"({"prompts": 1})";
  other.write(path);
  EXPECT_ERROR(invalid_file, "prompts", open());
  other.texts["request"] = R"({"num_videos": 1000000000})";
  other.write(path);
  EXPECT_ERROR(invalid_file, "number of videos", open());
  other.texts.erase("request");
  other.write(path);
  EXPECT_ERROR(invalid_file, "has no text 'request'", open());
  whole.write(path);
  std::filesystem::copy_file(open().video_path(0), open().video_path(1));
  EXPECT_ERROR(invalid_file, "where video 1 stands", open().read(1));
  std::ofstream(open().video_path(0)) << "no tensors";
  EXPECT_ERROR(invalid_file, "safetensors", resume());
}

TEST_F(KeptRun, LeavesNothingUnfinishedButWhatIsBeingWritten) {
  stop_after(3);
  const auto unfinished = run_folder / ".freeinit-0123456789abcdef.safetensors";
  const auto held = run_folder / ".freeinit-00000000000000ff.safetensors";
  for (const auto& path : {unfinished, held}) std::ofstream(path) << "half";
  const int writer = ::open(held.c_str(), O_RDONLY);
  ASSERT_EQ(::flock(writer, LOCK_EX | LOCK_NB), 0);
  (void)open();
  EXPECT_FALSE(std::filesystem::exists(unfinished));
  EXPECT_TRUE(std::filesystem::exists(held));
  ::close(writer);
  EXPECT_TRUE(open().read(0));
  EXPECT_FALSE(std::filesystem::exists(held));
}

TEST_F(KeptRun, RefusesAFileInPlaceOfTheFolder) {
  std::ofstream(run_folder) << "a video";
  EXPECT_ERROR(io, "is a file; expected a folder", create());
}

TEST_F(KeptRun, ANewOneReplacesTheFormer) {
  stop_after(5);
  const auto former = open();
  const auto state = former.read(0);
  ASSERT_TRUE(state);
  (void)create();
  EXPECT_EQ(open().record().notes.at("a note"), "of mine");
  EXPECT_FALSE(open().read(0));
  former.write(*state);
  EXPECT_FALSE(open().read(0)) << "a state of another run";
}

}  // namespace checkpoint_folder_test
