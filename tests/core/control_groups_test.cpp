#include "support/temporary_folder.hpp"

#include <freeinit/impl/core/control_groups_inl.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace control_groups_test {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
constexpr const char* kUnlimited = "9223372036854771712";  // as the first version says it

/// A system's files, in a folder of its own.
class ControlGroups : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const {
    const auto path = root_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  /// A group of the first version, with what is its own and what holds for it.
  void write_group(const std::string& folder, const std::string& most, const std::string& used,
                   const std::string& hierarchical = kUnlimited) const {
    write(folder + "/memory.limit_in_bytes", most + "\n");
    write(folder + "/memory.usage_in_bytes", used + "\n");
    write(folder + "/memory.use_hierarchy", "1\n");
    write(folder + "/memory.stat", "cache 7\ninactive_file 5\nhierarchical_memory_limit " +
                                       hierarchical +
                                       "\nhierarchical_memsw_limit 1\ntotal_inactive_file 20\n");
  }
  [[nodiscard]] std::int64_t left() const { return freeinit::detail::left_in_groups(root_.path()); }

 private:
  TemporaryFolder root_;
};

constexpr const char* kBothMounted =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "31 22 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "33 31 0:30 / /sys/fs/cgroup/cpu rw shared:5 master:2 - cgroup cgroup rw,cpu\n"
    "35 31 0:32 / /sys/fs/cgroup/ram rw shared:6 - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST_F(ControlGroups, WithoutThemThereIsNoLimit) {
  EXPECT_EQ(left(), kNoLimit);
  write("proc/self/cgroup", "4:memory:/a\n0::/a\nno line of it\n");
  EXPECT_EQ(left(), kNoLimit);
  write("proc/self/mountinfo", kBothMounted);
  EXPECT_EQ(left(), kNoLimit);
}

TEST_F(ControlGroups, SecondVersionCountsEachGroupAround) {
  write("proc/self/cgroup", "0::/a/b\n");
  write(
      "proc/self/mountinfo",
      "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:26 / /groups rw shared:4 - cgroup2 none rw\n");
  write("groups/a/b/memory.max", "max\n");
  write("groups/a/b/memory.current", "100\n");
  EXPECT_EQ(left(), kNoLimit);
  write("groups/a/memory.max", "1000\n");
  write("groups/a/memory.current", "300\n");
  EXPECT_EQ(left(), 700);
  write("groups/a/b/memory.max", "500\n");
  EXPECT_EQ(left(), 400);
  write("groups/a/b/memory.stat", "anon 60\nfile 40\ninactive_file 30\n");
  EXPECT_EQ(left(), 430) << "file cache can go";
  write("groups/a/b/memory.max", "50\n");
  EXPECT_EQ(left(), 0) << "less than it uses";
}

TEST_F(ControlGroups, FirstVersionBesideTheSecond) {
  write("proc/self/cgroup", "5:cpu:/\n4:hugetlb,memory:/a/b\n1:name=systemd:/a\n0::/\n");
  write("proc/self/mountinfo", kBothMounted);
  write_group("sys/fs/cgroup/ram", kUnlimited, "5000");
  write_group("sys/fs/cgroup/ram/a", kUnlimited, "300");
  write_group("sys/fs/cgroup/ram/a/b", kUnlimited, "100");
  EXPECT_GT(left(), std::int64_t{1} << 60);
  write_group("sys/fs/cgroup/ram/a", "1000", "300");
  EXPECT_EQ(left(), 720);
  write_group("sys/fs/cgroup/ram/a/b", "500", "100", "450");
  EXPECT_EQ(left(), 370);
}

TEST_F(ControlGroups, FirstVersionWithoutHierarchyIsTheGroupAlone) {
  write("proc/self/cgroup", "4:memory:/a/b\n");
  write("proc/self/mountinfo", kBothMounted);
  write_group("sys/fs/cgroup/ram/a", "1000", "900");
  write_group("sys/fs/cgroup/ram/a/b", "500", "100");
  EXPECT_EQ(left(), 120);
  write("sys/fs/cgroup/ram/a/memory.use_hierarchy", "0\n");
  EXPECT_EQ(left(), 420);
}

// The machine's name of the group, of which nothing but the mounted group is seen; the limit may be
// that of one around it.
TEST_F(ControlGroups, AContainerSeesItsOwnGroup) {
  write("proc/self/mountinfo",
        "35 31 0:32 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  write_group("sys/fs/cgroup/memory", kUnlimited, "100", "800");
  write_group("sys/fs/cgroup/memory/inner", "400", "50");
  for (const char* outside : {"/docker/1f", "/", "/docker/2e", "/../1f"}) {
    write("proc/self/cgroup", std::string("4:memory:") + outside + "\n");
    EXPECT_EQ(left(), 720) << outside;
  }
  write("proc/self/cgroup", "4:memory:/docker/1f/inner\n");
  EXPECT_EQ(left(), 370);
}

}  // namespace
}  // namespace control_groups_test
