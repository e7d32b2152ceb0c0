#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace freeinit_cli {

/// Writes the frames of a mask [frames, height, width] side by side as PNG, in rows where one row
/// would be too wide, small frames magnified so that single frequencies can be seen. White keeps,
/// black drops. Throws freeinit::Error: io, invalid_argument (a picture of more than 100 million
/// pixels).
void write_mask_image(const std::filesystem::path& path, std::span<const float> mask,
                      std::int64_t frames, std::int64_t height, std::int64_t width);

}  // namespace freeinit_cli
