#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/bundle/hash_stamps.hpp>
#include <freeinit/bundle/manifest.hpp>
#include <freeinit/bundle/verify.hpp>
#include <freeinit/io/sha256.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <thread>

namespace hash_stamps_test {
namespace {

using freeinit::HashStamps;
using io_test::file_content;
using io_test::write_file;
using nlohmann::json;

class Stamps : public ::testing::Test {
 protected:
  /// A file that nobody has touched for a while: new ones are not remembered.
  const std::filesystem::path old_file_ = FREEINIT_SOURCE_DIR "/LICENSE";
  TemporaryFolder folder_;
  const std::filesystem::path store_ = folder_.path() / "cache/stamps.json";

  [[nodiscard]] std::string hash() const { return freeinit::sha256_of_file(old_file_); }
  void remember() const {
    HashStamps stamps(store_);
    EXPECT_EQ(stamps.sha256_of(old_file_, hash()), hash());
    stamps.save();
  }
  void change_entry(const std::string& key, const std::string& value) const {
    json stored = json::parse(file_content(store_.string()));
    for (auto& [path, entry] : stored.items()) entry[key] = value;
    write_file(store_, stored.dump());
  }
};

TEST_F(Stamps, AFileIsKnownAgain) {
  EXPECT_FALSE(HashStamps(store_).knows(old_file_, hash()));
  remember();
  EXPECT_TRUE(HashStamps(store_).knows(old_file_, hash()));
  EXPECT_FALSE(HashStamps(store_).knows(old_file_, std::string(64, '0'))) << "another manifest";
}

TEST_F(Stamps, MayStandInTheWorkingFolder) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  HashStamps stamps("stamps.json");
  EXPECT_EQ(stamps.sha256_of(old_file_, hash()), hash());
  stamps.save();
  EXPECT_TRUE(HashStamps("stamps.json").knows(old_file_, hash()));
  std::filesystem::current_path(before);
}

TEST_F(Stamps, AKnownFileIsNotRead) {
  remember();
  const std::string invented(64, 'a');
  change_entry("sha256", invented);
  EXPECT_EQ(HashStamps(store_).sha256_of(old_file_, invented), invented);
}

TEST_F(Stamps, AnotherStampMeansHashing) {
  remember();
  change_entry("stamp", "1 2 3 4.0 5.0");
  HashStamps stamps(store_);
  EXPECT_FALSE(stamps.knows(old_file_, hash()));
  EXPECT_EQ(stamps.sha256_of(old_file_, std::string(64, 'a')), hash());
}

TEST_F(Stamps, AFileThatJustChangedIsNotRemembered) {
  const auto fresh = folder_.path() / "fresh";
  write_file(fresh, "x");
  HashStamps stamps(store_);
  const std::string found = stamps.sha256_of(fresh, "");
  EXPECT_EQ(found, freeinit::sha256_of_file(fresh));
  EXPECT_FALSE(stamps.knows(fresh, found));
}

TEST_F(Stamps, AChangeIsNoticedEvenWithTheSameSizeAndTime) {
  const auto file = folder_.path() / "weights";
  write_file(file, "before");
  std::this_thread::sleep_for(std::chrono::seconds(4));  // until it is old enough to be remembered
  HashStamps stamps(store_);
  const std::string found = stamps.sha256_of(file, "");
  ASSERT_TRUE(stamps.knows(file, found));
  const auto time = std::filesystem::last_write_time(file);
  write_file(file, "behind");
  std::filesystem::last_write_time(file, time);
  EXPECT_FALSE(stamps.knows(file, found));
}

TEST_F(Stamps, ADamagedStoreIsAnEmptyOne) {
  remember();
  for (const char* content : {"", "{", "[]", R"({"a": 1, "b": {"sha256": 2, "stamp": 3}})"}) {
    write_file(store_, content);
    EXPECT_FALSE(HashStamps(store_).knows(old_file_, hash())) << content;
  }
}

TEST_F(Stamps, AStoreThatCannotBeWrittenIsNoError) {
  HashStamps stamps("/proc/none/stamps.json");
  (void)stamps.sha256_of(old_file_, "");
  stamps.save();
}

TEST_F(Stamps, BundlesAreVerifiedWithThem) {
  freeinit::Manifest manifest;
  std::filesystem::copy_file(old_file_, folder_.path() / "a");
  manifest.files["a"] = {.bytes = std::filesystem::file_size(old_file_), .sha256 = hash()};
  HashStamps stamps(store_);
  EXPECT_NO_THROW(freeinit::verify_bundle_files(folder_.path(), manifest, true, &stamps));
  manifest.files["a"].sha256 = std::string(64, 'b');
  EXPECT_ERROR(invalid_file, "SHA-256 is",
               freeinit::verify_bundle_files(folder_.path(), manifest, true, &stamps));
}

}  // namespace
}  // namespace hash_stamps_test
