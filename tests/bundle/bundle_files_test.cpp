#include "bundle/example_bundle.hpp"
#include "io/raw_file.hpp"
#include "support/error_of.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/bundle/verify.hpp>

#include <gtest/gtest.h>

namespace io_test {
namespace {

using BundleFiles = ExampleBundle;

TEST_F(BundleFiles, CompleteBundleIsAccepted) {
  const freeinit::Manifest manifest = freeinit::read_manifest(folder_.path());
  EXPECT_NO_THROW(freeinit::verify_bundle_files(folder_.path(), manifest));
}

TEST_F(BundleFiles, MissingTruncatedAndAlteredFilesAreNamed) {
  freeinit::Manifest manifest = freeinit::read_manifest(folder_.path());
  std::filesystem::remove(folder_.path() / "unet.pt");
  EXPECT_ERROR(not_found, "unet.pt': no such file, but the manifest lists it",
               freeinit::verify_bundle_files(folder_.path(), manifest));
  write_file(folder_.path() / "unet.pt", "x");
  EXPECT_ERROR(invalid_file, "unet.pt': has 1 bytes; the manifest says 0 (truncated or altered)",
               freeinit::verify_bundle_files(folder_.path(), manifest, false));
  manifest.files["unet.pt"].bytes = 1;
  EXPECT_NO_THROW(freeinit::verify_bundle_files(folder_.path(), manifest, false));
  EXPECT_ERROR(invalid_file, "unet.pt': SHA-256 is 2d711642b726b04401627ca9fbac32f5",
               freeinit::verify_bundle_files(folder_.path(), manifest));
}

TEST_F(BundleFiles, NoFolderAndNoManifest) {
  EXPECT_ERROR(not_found, "bundle '/nonexistent': no such folder",
               freeinit::read_manifest("/nonexistent"));
  EXPECT_ERROR(not_found, "bundle '': no such folder", freeinit::read_manifest(""));
  std::filesystem::remove(folder_.path() / "manifest.json");
  EXPECT_ERROR(not_found, "': has no manifest.json; expected the folder that freeinit-export",
               freeinit::read_manifest(folder_.path()));
  const auto file = folder_.path() / "unet.pt";
  EXPECT_ERROR(not_found, "': is a file; expected the folder that freeinit-export makes",
               freeinit::read_manifest(file));
}

}  // namespace
}  // namespace io_test
