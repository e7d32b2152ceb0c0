#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/io/video_file.hpp>

void fuzz::video(const std::uint8_t* data, std::size_t size) {
  try {
    const freeinit::DecodedVideo video = freeinit::read_video(input_file(data, size, "video"), 3);
    require(video.num_frames >= 1 && video.num_frames <= 3, "1 to 3 frames");
    require(video.rgb.size() == std::size_t(video.num_frames) * std::size_t(video.width) *
                                    std::size_t(video.height) * 3,
            "as many bytes as the frames take");
  } catch (const freeinit::Error&) {
  }
}
