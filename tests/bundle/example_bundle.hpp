#pragma once

#include "bundle/manifest_example.hpp"
#include "io/raw_file.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace io_test {

/// The folder of a bundle whose files are empty, as the example of a manifest says.
class ExampleBundle : public ::testing::Test {
 protected:
  ExampleBundle() {
    std::filesystem::create_directory(folder_.path() / "tokenizer");
    const nlohmann::json text = example_manifest();
    for (const auto& [name, ignored] : text["files"].items()) {
      write_file(folder_.path() / name, "");
    }
    write_file(folder_.path() / "manifest.json", text.dump());
  }
  TemporaryFolder folder_;
};

}  // namespace io_test
