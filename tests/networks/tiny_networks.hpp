#pragma once

#include "support/temporary_folder.hpp"
#include "support/tiny_bundle.hpp"

#include <freeinit/bundle/manifest.hpp>

#include <gtest/gtest.h>

/// A tiny bundle of its own for each test, with its manifest.
class TinyNetworks : public testing::Test {
 protected:
  TinyNetworks() { tiny_bundle::write(folder()); }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] freeinit::Manifest manifest() const { return freeinit::read_manifest(folder()); }

 private:
  TemporaryFolder folder_;
};
