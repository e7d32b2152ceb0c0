#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/pipeline/profile_trace.hpp>

#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <vector>

namespace profile_trace_test {

using nlohmann::json;

class ProfileTrace : public TinyPipeline {
 protected:
  ProfileTrace() {
    request.num_inference_steps = 3;
    request.free_init.num_iters = 2;
  }

  /// The spans of a watched run, by category.
  std::map<std::string, std::vector<json>> run() {
    freeinit::ModelBundle bundle = make_tiny_bundle();
    bundle = bundle.with(trace.watch(std::move(bundle.unet())));
    (void)freeinit::TextToVideoPipeline(std::move(bundle))
        .generate(request, {}, trace.watch(control));
    std::map<std::string, std::vector<json>> spans;
    const json recorded = json::parse(trace.json());
    for (const json& span : recorded["traceEvents"]) {
      EXPECT_EQ(span["ph"], "X");
      EXPECT_GE(span["dur"].get<std::int64_t>(), 0);
      spans[span["cat"]].push_back(span);
    }
    return spans;
  }

  const freeinit::ProfileTrace trace;
  freeinit::RunControl control;
};

bool inside(const json& inner, const json& outer) {
  const auto begin = [](const json& span) { return span["ts"].get<std::int64_t>(); };
  const auto end = [&](const json& span) { return begin(span) + span["dur"].get<std::int64_t>(); };
  return begin(outer) <= begin(inner) && end(inner) <= end(outer);
}

TEST_F(ProfileTrace, HasASpanForEveryUnitOfEveryPhase) {
  auto spans = run();
  EXPECT_EQ(spans["pass"].size(), 2U);
  EXPECT_EQ(spans["step"].size(), 6U);
  EXPECT_EQ(spans["unet"].size(), 6U);
  EXPECT_EQ(spans["scheduler"].size(), 6U);
  EXPECT_EQ(spans["reinit"].size(), 1U);
  EXPECT_EQ(spans["decode"].size(), 1U);
  EXPECT_EQ(spans["encode"].size(), 2U);
  EXPECT_EQ(spans["pass"][1]["name"], "video 1, pass 2");
}

TEST_F(ProfileTrace, SpansNest) {
  auto spans = run();
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(inside(spans["step"][i], spans["pass"][i / 3])) << i;
    EXPECT_TRUE(inside(spans["unet"][i], spans["step"][i])) << i;
    EXPECT_TRUE(inside(spans["scheduler"][i], spans["step"][i])) << i;
  }
  EXPECT_FALSE(inside(spans["reinit"][0], spans["pass"][0]));
}

TEST_F(ProfileTrace, ChangesNothingAndPassesProgressOn) {
  int events = 0;
  control.progress = [&](const freeinit::Progress&) { ++events; };
  (void)generate(control);
  const int expected = std::exchange(events, 0);
  (void)run();
  EXPECT_EQ(events, expected);
  freeinit::ModelBundle bundle = make_tiny_bundle();
  bundle = bundle.with(trace.watch(std::move(bundle.unet())));
  const auto watched = freeinit::TextToVideoPipeline(std::move(bundle)).generate(request);
  EXPECT_TRUE(latents_of(watched).equal(latents()));
}

TEST_F(ProfileTrace, WatchesReusedFeaturesToo) {
  request.cache_interval = 2;
  auto spans = run();
  ASSERT_EQ(spans["unet"].size(), 6U);
  EXPECT_EQ(spans["unet"][0]["name"], "unet");
  EXPECT_EQ(spans["unet"][1]["name"], "unet, shallow");
}

TEST_F(ProfileTrace, IsWrittenWholeOrNotAtAll) {
  const TemporaryFolder folder;
  trace.write(folder.path() / "run.json");
  EXPECT_TRUE(json::parse(std::ifstream(folder.path() / "run.json")).contains("traceEvents"));
  EXPECT_ERROR(io, "nowhere", trace.write(folder.path() / "nowhere/run.json"));
}

}  // namespace profile_trace_test
