// A run that was written to a file after any call and read again makes the same bits; what is no
// such file, or belongs to another run, is refused in one line.

#include <freeinit/passes/checkpoint.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

namespace checkpoint_test {
namespace {

using freeinit::Checkpoint;
using freeinit::FreeInit;
using freeinit::FreeInitSettings;
using freeinit::FreeInitState;
using freeinit::IntermediateResult;
using freeinit::MixMethod;

at::Tensor denoise(const at::Tensor& latents, double timestep) {
  return latents.mul(0.8).add(timestep * 1e-4);
}

FreeInitState begin(const FreeInit& run) {
  return run.begin(freeinit::NoiseSource(std::vector<std::uint64_t>{5, 6}));
}

at::Tensor finish(const FreeInit& run, FreeInitState& state) {
  while (!run.is_done(state)) run.advance(state, denoise);
  return run.result(state).latents;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Plain, with noise in each step, freqprior from partial passes, and video to video.
std::vector<FreeInitSettings> kinds_of_runs() {
  FreeInitSettings plain{.shape = {2, 2, 3, 4, 6}, .num_inference_steps = 4};
  FreeInitSettings noisy = plain;
  noisy.eta = 0.6;
  noisy.options.intermediate = {.result = IntermediateResult::prediction, .steps = 2};
  FreeInitSettings prior = noisy;
  prior.options.mix.method = MixMethod::freqprior;
  prior.options.intermediate.result = IntermediateResult::partial;
  FreeInitSettings video = noisy;
  video.options.intermediate = {};
  video.initial_sample = freeinit::NoiseSource(9).draw(plain.shape.sizes());
  video.strength = 0.75;
  return {plain, noisy, prior, video};
}

class CheckpointFile : public testing::Test {
 protected:
  /// The state after `calls` calls, from a file.
  [[nodiscard]] FreeInitState written_and_read(const FreeInitState& state) const {
    Checkpoint{.tensors = freeinit::state_to_tensors(state)}.write(file);
    return freeinit::state_from_tensors(Checkpoint::read(file).tensors);
  }

  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "state.safetensors";
  const freeinit::NoiseSchedule schedule{{.clip_sample = false}};
  const FreeInitSettings settings{.shape = {2, 2, 3, 4, 6}, .num_inference_steps = 4};
};

TEST_F(CheckpointFile, GoesOnToTheSameBitsAfterAnyCallWithEverySampler) {
  for (const auto& row : freeinit::sampler_table()) {
    const freeinit::NoiseSchedule sampled({.sampler = std::string(row.name), .clip_sample = false});
    for (const FreeInitSettings& kind : kinds_of_runs()) {
      const FreeInit run(sampled, kind);
      FreeInitState uninterrupted = begin(run);
      const at::Tensor expected = finish(run, uninterrupted);
      FreeInitState state = begin(run);
      for (std::int64_t call = 0; call <= uninterrupted.calls; ++call) {
        FreeInitState read = written_and_read(state);
        EXPECT_NO_THROW(run.check_state(read)) << row.name << " after call " << call;
        EXPECT_TRUE(finish(run, read).equal(expected)) << row.name << " after call " << call;
        EXPECT_EQ(read.calls, uninterrupted.calls);
        EXPECT_EQ(read.calls_per_pass, uninterrupted.calls_per_pass);
        run.advance(state, denoise);
      }
    }
  }
}

TEST_F(CheckpointFile, ExtendsAFinishedRun) {
  FreeInitSettings longer = settings;
  longer.options.num_iters = 5;
  const FreeInit run(schedule, settings);
  const FreeInit longer_run(schedule, longer);
  FreeInitState straight = begin(longer_run);
  const at::Tensor expected = finish(longer_run, straight);
  FreeInitState state = begin(run);
  (void)finish(run, state);
  FreeInitState read = written_and_read(state);
  longer_run.check_state(read);
  EXPECT_EQ(read.calls, 12);
  EXPECT_TRUE(finish(longer_run, read).equal(expected));
  EXPECT_EQ(read.calls, 20);
}

TEST_F(CheckpointFile, KeepsTexts) {
  const Checkpoint written{.tensors = {{"x", at::ones({2})}}, .texts = {{"a", "b"}}};
  written.write(file);
  const Checkpoint read = Checkpoint::read(file);
  EXPECT_EQ(read.texts, written.texts);
  EXPECT_TRUE(read.tensors.at("x").equal(at::ones({2})));
}

TEST_F(CheckpointFile, KeepsTheFormerFileWhereItCannotWrite) {
  const Checkpoint written{.tensors = {{"x", at::ones({2})}}};
  written.write(file);
  const std::string before = bytes_of(file);
  const Checkpoint unwritable{.tensors = {{"x", at::zeros({2})}}, .texts = {{"a", "\xff"}}};
  EXPECT_ERROR(invalid_argument, "UTF-8", (unwritable.write(file), 0));
  EXPECT_EQ(bytes_of(file), before);
  EXPECT_ERROR(io, "does not exist", (written.write(folder.path() / "gone" / "x"), 0));
}

TEST_F(CheckpointFile, RefusesDamage) {
  const FreeInit run(schedule, settings);
  FreeInitState state = begin(run);
  for (int call = 0; call < 6; ++call) run.advance(state, denoise);
  Checkpoint{.tensors = freeinit::state_to_tensors(state)}.write(file);
  const std::string whole = bytes_of(file);
  const auto is_refused = [&](const std::string& bytes) {
    write_bytes(file, bytes);
    return error_of([&] { (void)Checkpoint::read(file); }).code() ==
           freeinit::ErrorCode::invalid_file;
  };
  for (std::size_t cut = 0; cut < 20; ++cut) {
    EXPECT_TRUE(is_refused(whole.substr(0, whole.size() * cut / 20))) << cut;
  }
  for (std::size_t flip = 0; flip < 200; ++flip) {
    std::string flipped = whole;
    // Everywhere, and in the header above all.
    const std::size_t place = flip % 2 == 0 ? 4 * flip : whole.size() * flip / 200;
    flipped[place] = static_cast<char>(flipped[place] ^ (1 << (flip % 8)));
    EXPECT_TRUE(is_refused(flipped)) << "byte " << place;
  }
  write_bytes(file, whole);
  EXPECT_NO_THROW((void)Checkpoint::read(file));
}

TEST_F(CheckpointFile, RefusesWhatIsNone) {
  freeinit::save_tensors(file, {{"x", at::ones({2})}});
  EXPECT_ERROR(invalid_file, "not marked as one", Checkpoint::read(file));
  EXPECT_ERROR(not_found, "no such file", Checkpoint::read(folder.path() / "gone"));
}

/// One change each to a state in the middle of a pass with earlier outputs.
TEST_F(CheckpointFile, RefusesTensorsThatAreNoState) {
  const FreeInit run(schedule, settings);
  FreeInitState state = begin(run);
  for (int call = 0; call < 6; ++call) run.advance(state, denoise);
  const auto whole = freeinit::state_to_tensors(state);
  const auto refuses = [&](const char* says, const std::string& name, const at::Tensor& tensor) {
    auto changed = whole;
    changed.erase(name);
    if (tensor.defined()) changed[name] = tensor;
    EXPECT_ERROR(invalid_file, says, freeinit::state_from_tensors(changed));
  };
  refuses("'counters'", "counters", {});
  refuses("'counters'", "counters", at::ones({3}));
  refuses("counters do not fit", "counters", at::ones({2}, at::kLong));
  refuses("counters do not fit", "counters", at::full({3}, 7, at::kLong));
  refuses("'noise_source'", "noise_source", {});
  refuses("noise source state", "noise_source", at::zeros({2, 4}, at::kByte));
  refuses("generator", "noise_source", at::full_like(whole.at("noise_source"), 255));
  refuses("'latents'", "latents", at::ones({1, 2, 3, 4, 6}));
  refuses("'sample'", "sample", at::ones({2, 2, 3, 4, 6}, at::kLong));
  refuses("'partial_level'", "partial_level", at::ones({2}));
  refuses("noise level", "partial_level", at::ones({3}, at::kDouble));
  refuses("more tensors", "history_1", at::ones({2, 2, 3, 4, 6}));
  refuses("more tensors", "other", at::ones({1}));
}

TEST_F(CheckpointFile, ARunRefusesTheStateOfAnother) {
  const freeinit::NoiseSchedule multistep({.sampler = "dpmsolver++", .clip_sample = false});
  const FreeInit run(multistep, settings);
  const auto refuses = [&](const char* says, const std::function<void(FreeInitState&)>& change) {
    FreeInitState state = begin(run);
    for (int call = 0; call < 6; ++call) run.advance(state, denoise);
    run.check_state(state);
    change(state);
    EXPECT_ERROR(invalid_argument, says, (run.check_state(state), 0));
  };
  refuses("first noise", [](auto& s) { s.first_noise = at::ones({1, 2, 3, 4, 6}); });
  refuses("latents: not there", [](auto& s) { s.latents.reset(); });
  refuses("partial: there", [](auto& s) { s.partial = s.latents; });
  refuses("pass '4'", [](auto& s) { s.pass = 4; });
  refuses("'3' calls in pass 1", [](auto& s) { s.calls_per_pass = {3}; });
  refuses("made '9' calls", [](auto& s) { s.calls = 9; });
  refuses("before step '4'", [](auto& s) { s.sample.index = 4; });
  refuses("before step '-1'", [](auto& s) { s.sample.index = -1; });
  refuses("earlier outputs", [](auto& s) { s.sample.history.clear(); });
  refuses("earlier output '", [](auto& s) { s.sample.history[0] = at::ones({1}); });
  refuses("noise level", [](auto& s) { s.partial_level.alpha = 2.0; });
  refuses("'3' generators", [](auto& s) {
    s.noise = freeinit::NoiseSource(std::vector<std::uint64_t>{1, 2, 3});
  });
}

}  // namespace
}  // namespace checkpoint_test
