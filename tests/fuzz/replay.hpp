#pragma once

#include "fuzz/targets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace fuzz_test {

/// Runs a target on every file of its corpus, and on every prefix length of each in a few steps.
inline void replay(const std::string& name, void (*target)(const std::uint8_t*, std::size_t)) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::string(FREEINIT_SOURCE_DIR "/tests/fuzz/corpus/") + name)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    std::ifstream stream(file, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(stream), {}};
    for (int eighths = 8; eighths >= 0; eighths -= 2) {
      const std::size_t size = content.size() * static_cast<std::size_t>(eighths) / 8;
      EXPECT_NO_THROW(target(reinterpret_cast<const std::uint8_t*>(content.data()), size));
    }
  }
}

}  // namespace fuzz_test
