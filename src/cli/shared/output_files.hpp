#pragma once

#include "shared/console.hpp"

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}

namespace freeinit_cli {

// The rule of every command for what it writes. A name that was given is the name that is written,
// since scripts read it next; what stands there is only replaced with --overwrite. A name that
// nobody gave is numbered until it is free: the second run of a day loses no video of the first.

/// What names of video files end in.
inline constexpr const char* kVideoFiles = ".mp4, .webm, .gif, .webp, .mov or .mkv";

/// Whether a name ends as one of them.
[[nodiscard]] bool names_video_file(const std::filesystem::path& path);

/// Not for files of settings: those may come from anybody.
CLI::Option* add_overwrite_option(CLI::App& command, bool& overwrite);

/// Throws freeinit::Error: io when `path` cannot be written, invalid_argument when something of
/// that name is there and may not be overwritten. Pipes, devices and empty folders take what is
/// written. Leaves nothing behind.
void check_output(const std::filesystem::path& path, bool overwrite);

/// As above, and refuses a path that ends neither in .safetensors, .npy nor one of `others`, which
/// may also hold forms of paths for the message (invalid_argument).
void check_tensor_output(const std::filesystem::path& path, bool overwrite,
                         const std::vector<std::string>& others = {});

/// Where `path` leads: absolute, without links; a folder may end with a slash.
[[nodiscard]] std::filesystem::path output_place(const std::filesystem::path& path);

/// The places of the outputs of one run, of which empty paths are none. Throws freeinit::Error:
/// invalid_argument when two of them are one, however they are spelt.
std::set<std::filesystem::path> check_distinct_outputs(
    std::span<const std::filesystem::path> outputs);

/// The line of every command for every file: `wrote FILE`.
void say_written(const std::filesystem::path& path, Console& console);

/// The line for a file of an earlier part of the run: `kept FILE`.
void say_kept(const std::filesystem::path& path, Console& console);

/// `out/clip.mp4`, 1 -> `out/clip_1.mp4`; `out/clip/` -> `out/clip_1/`.
[[nodiscard]] std::filesystem::path with_number(const std::filesystem::path& path, int number);

}  // namespace freeinit_cli
