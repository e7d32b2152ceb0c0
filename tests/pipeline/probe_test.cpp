#include "support/temporary_folder.hpp"
#include "support/tiny_bundle.hpp"

#include <freeinit/pipeline/probe.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace probe_test {

using freeinit::ErrorCode;
using freeinit::ProbeFinding;
using freeinit::ProbeReport;
using Outcome = freeinit::ProbeFinding::Outcome;

class Probe : public testing::Test {
 protected:
  void make(const tiny_bundle::Options& options = {}) const { tiny_bundle::write(path(), options); }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

  /// Hashes no longer fit once a file was changed: parts are to be tried all the same.
  [[nodiscard]] ProbeReport run(bool hashes = true) const {
    freeinit::BundleOptions options;
    options.verify_hashes = hashes;
    return freeinit::probe_bundle(path(), options);
  }

  static const ProbeFinding& part(const ProbeReport& report, const std::string& name) {
    const auto found =
        std::find_if(report.findings.begin(), report.findings.end(),
                     [&](const ProbeFinding& finding) { return finding.part == name; });
    EXPECT_NE(found, report.findings.end()) << name;
    return found == report.findings.end() ? report.findings.front() : *found;
  }

  /// Exactly this part fails, in these words, and says how to mend it.
  static void expect_only_failure(const ProbeReport& report, const std::string& name,
                                  ErrorCode code, const std::string& problem,
                                  const std::string& remedy) {
    EXPECT_EQ(report.num_failures(), 1U);
    const ProbeFinding* failure = report.first_failure();
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->part, name);
    EXPECT_EQ(failure->code, code);
    EXPECT_NE(failure->detail.find(problem), std::string::npos) << failure->detail;
    EXPECT_NE(failure->remedy.find(remedy), std::string::npos) << failure->remedy;
    EXPECT_EQ(failure->detail.find('\n'), std::string::npos);
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Probe, AGoodBundlePassesInEveryPart) {
  make();
  const ProbeReport report = run();
  EXPECT_EQ(report.first_failure(), nullptr);
  std::vector<std::string> parts;
  for (const auto& finding : report.findings) {
    parts.push_back(finding.part);
    EXPECT_EQ(finding.outcome, Outcome::passed) << finding.part;
    EXPECT_TRUE(finding.remedy.empty());
  }
  EXPECT_EQ(parts, (std::vector<std::string>{
                       "manifest", "file text_encoder.pt", "file tokenizer/merges.txt",
                       "file tokenizer/vocab.json", "file unet.pt", "file vae_decoder.pt",
                       "file vae_encoder.pt", "tokenizer", "recommended", "text encoder", "unet",
                       "scheduler", "vae decoder", "vae encoder"}));
  EXPECT_EQ(part(report, "unet").detail, "[1, 4, 1, 8, 8] float32");
  EXPECT_EQ(part(report, "vae decoder").detail, "[1, 3, 16, 16] float32");
}

TEST_F(Probe, WithoutAnEncoderThereIsNothingToTry) {
  make({.with_encoder = false});
  const ProbeReport report = run();
  EXPECT_EQ(report.first_failure(), nullptr);
  EXPECT_EQ(report.findings.back().part, "vae decoder");
}

TEST_F(Probe, NoManifest) {
  expect_only_failure(run(), "manifest", ErrorCode::not_found, "manifest.json",
                      "copy the missing file");
}

TEST_F(Probe, AnotherSchema) {
  make();
  tiny_bundle::edit_manifest(path(), [](auto& manifest) { manifest["schema"] = 9; });
  const ProbeReport report = run();
  EXPECT_EQ(report.findings.size(), 1U);
  expect_only_failure(report, "manifest", ErrorCode::unsupported, "'schema' is 9",
                      "use the version of freeinit");
}

TEST_F(Probe, MissingFileSkipsItsPartAlone) {
  make();
  std::filesystem::remove(path() / "text_encoder.pt");
  const ProbeReport report = run();
  expect_only_failure(report, "file text_encoder.pt", ErrorCode::not_found, "no such file",
                      "copy the missing file");
  EXPECT_EQ(part(report, "text encoder").outcome, Outcome::skipped);
  EXPECT_EQ(part(report, "unet").outcome, Outcome::passed);
}

TEST_F(Probe, TwoDamagedFilesAreTwoLines) {
  make();
  std::ofstream(path() / "unet.pt", std::ios::app) << "x";
  std::filesystem::resize_file(path() / "vae_encoder.pt", 10);
  const ProbeReport report = run();
  EXPECT_EQ(report.num_failures(), 2U);
  EXPECT_EQ(part(report, "file unet.pt").code, ErrorCode::invalid_file);
  EXPECT_EQ(part(report, "file vae_encoder.pt").code, ErrorCode::invalid_file);
  EXPECT_EQ(part(report, "unet").outcome, Outcome::skipped);
  EXPECT_EQ(part(report, "vae encoder").outcome, Outcome::skipped);
  EXPECT_EQ(part(report, "scheduler").outcome, Outcome::passed);
}

TEST_F(Probe, NetworkOfAnotherBundle) {
  make();
  tiny_bundle::edit_manifest(path(), [](auto& manifest) { manifest["unet"]["max_frames"] = 4; });
  expect_only_failure(run(), "unet", ErrorCode::invalid_file, "'max_frames' is 8 in the file",
                      "all files of one export together");
}

TEST_F(Probe, ValuesThatAreNoNumbers) {
  make({.unet_source = "def forward(self, latents, timestep, text, fps):\n"
                       "    return latents / 0.0\n"});
  const ProbeReport report = run();
  EXPECT_EQ(part(report, "unet").outcome, Outcome::failed);
  EXPECT_NE(part(report, "unet").detail.find("NaN or infinite"), std::string::npos);
  EXPECT_NE(part(report, "unet").remedy.find("sound checkpoint"), std::string::npos);
  EXPECT_EQ(part(report, "scheduler").outcome, Outcome::passed);  // judged on its own
}

TEST_F(Probe, NetworkThatFailsOrGivesAnotherShape) {
  make({.unet_source = "def forward(self, latents, timestep, text, fps):\n"
                       "    return latents[:, :1]\n"});
  expect_only_failure(run(), "unet", ErrorCode::model, "forward returned [1, 1, 1, 8, 8]",
                      "export the model again");
}

TEST_F(Probe, SettingsThatCannotRun) {
  make();
  tiny_bundle::edit_manifest(path(), [](auto& manifest) {
    manifest["recommended"]["height"] = 18;
    manifest["scheduler"]["_class_name"] = "UnheardOfScheduler";
  });
  const ProbeReport report = run();
  EXPECT_EQ(report.num_failures(), 2U);
  EXPECT_NE(part(report, "recommended").detail.find("needs a multiple of 4"), std::string::npos);
  EXPECT_NE(part(report, "recommended").remedy.find("manifest.json"), std::string::npos);
  EXPECT_NE(part(report, "scheduler").detail.find("UnheardOfScheduler"), std::string::npos);
}

TEST_F(Probe, BrokenVocabulary) {
  make();
  std::ofstream(path() / "tokenizer/vocab.json") << "{";
  tiny_bundle::edit_manifest(
      path(), [](auto& manifest) { manifest["files"]["tokenizer/vocab.json"]["bytes"] = 1; });
  const ProbeReport report = run(/*hashes=*/false);
  expect_only_failure(report, "tokenizer", ErrorCode::invalid_file, "vocab.json",
                      "all files of one export together");
  EXPECT_EQ(part(report, "text encoder").outcome, Outcome::passed);
}

}  // namespace probe_test
