#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/sha256.hpp>

#include <gtest/gtest.h>

namespace io_test {
namespace {

TEST(Sha256, VectorsOfTheStandard) {  // and three buffers of zeros, from sha256sum
  const TemporaryFolder folder;
  const auto hash = [&](const std::string& text) {
    write_file(folder.path() / "f", text);
    return freeinit::sha256_of_file(folder.path() / "f");
  };
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(hash(std::string(3 << 20, '\0')),
            "bbd05cf6097ac9b1f89ea29d2542c1b7b67ee46848393895f5a9e43fa1f621e5");
}

TEST(Sha256, MissingFileAndFolder) {
  EXPECT_ERROR(not_found, "no such file", freeinit::sha256_of_file("/nonexistent/file"));
  EXPECT_ERROR(io, "is a folder", freeinit::sha256_of_file("/"));
}

}  // namespace
}  // namespace io_test
