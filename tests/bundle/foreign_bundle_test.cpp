// Bundles that want more than to be read.
#include "bundle/example_bundle.hpp"
#include "bundle/manifest_example.hpp"
#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/bundle/verify.hpp>

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace io_test {
namespace {

using freeinit::parse_manifest;
using nlohmann::json;

#ifdef FREEINIT_SANITIZED  // ten times as slow; memory is what is watched there
constexpr int kMany = 20'000;
#else
constexpr int kMany = 100'000;
#endif

// In time that grows with their number, not its square: that took 20 s.
TEST(ForeignBundle, MayListManyFiles) {
  json text = example_manifest();
  const json record = text["files"]["unet.pt"];
  for (int i = 0; i < kMany; ++i) text["files"]["f" + std::to_string(i)] = record;
  const std::string content = text.dump();
  const std::clock_t begin = std::clock();
  EXPECT_EQ(parse_manifest(content, "m").files.size(), kMany + example_manifest()["files"].size());
  EXPECT_LT(double(std::clock() - begin) / CLOCKS_PER_SEC, 10.0);
}

using ForeignBundleFiles = ExampleBundle;

TEST_F(ForeignBundleFiles, LinksStayInside) {
  const freeinit::Manifest manifest = freeinit::read_manifest(folder_.path());
  const auto verify = [&](const std::filesystem::path& bundle) {
    freeinit::verify_bundle_files(bundle, manifest, false);
  };
  const auto file = folder_.path() / "unet.pt";
  std::filesystem::rename(file, folder_.path() / "inside.pt");
  std::filesystem::create_symlink("inside.pt", file);
  EXPECT_NO_THROW(verify(folder_.path()));
  const TemporaryFolder other;
  std::filesystem::create_directory_symlink(folder_.path(), other.path() / "link");
  EXPECT_NO_THROW(verify(other.path() / "link"));
  std::filesystem::rename(folder_.path() / "inside.pt", other.path() / "outside.pt");
  std::filesystem::remove(file);
  std::filesystem::create_symlink(other.path() / "outside.pt", file);
  EXPECT_ERROR(invalid_file, "unet.pt': is a link out of the bundle's folder",
               verify(folder_.path()));
}

// The list of files is no exception.
TEST_F(ForeignBundleFiles, TheManifestIsNoLinkOut) {
  const auto manifest = folder_.path() / "manifest.json";
  const TemporaryFolder other;
  std::filesystem::rename(manifest, other.path() / "secret.json");
  std::filesystem::create_symlink(other.path() / "secret.json", manifest);
  EXPECT_ERROR(invalid_file, "manifest.json': is a link out of the bundle's folder",
               freeinit::read_manifest(folder_.path()));
  std::filesystem::rename(other.path() / "secret.json", folder_.path() / "inside.json");
  std::filesystem::remove(manifest);
  std::filesystem::create_symlink("inside.json", manifest);
  EXPECT_NO_THROW((void)freeinit::read_manifest(folder_.path()));
}

TEST_F(ForeignBundleFiles, AddedTokensAreListed) {
  write_file(folder_.path() / "tokenizer/added_tokens.json", "{}");
  EXPECT_ERROR(
      invalid_file, "added_tokens.json': is read with the vocabulary, but the manifest does not",
      freeinit::verify_bundle_files(folder_.path(), freeinit::read_manifest(folder_.path())));
}

}  // namespace
}  // namespace io_test
