#pragma once

#include <freeinit/io/video_file.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace io_test {

/// A moving, soft test picture: a smooth blob over a slow gradient. Soft, because 4:2:0 halves the
/// resolution of colour by design and an edge would measure that alone.
inline std::vector<std::uint8_t> soft_frame(int width, int height, int t) {
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = (x + 0.5) / width - 0.3 - 0.03 * t;
      const double v = (y + 0.5) / height - 0.5;
      const double blob = std::exp(-20 * (u * u + v * v));
      rgb.push_back(static_cast<std::uint8_t>(40 + 180 * blob));
      rgb.push_back(static_cast<std::uint8_t>(60 + 100.0 * y / height));
      rgb.push_back(static_cast<std::uint8_t>(180 - 100.0 * x / width));
    }
  }
  return rgb;
}

/// Quarters of one colour each: red, green, blue, gray.
inline std::vector<std::uint8_t> patch_frame(int width, int height) {
  static constexpr std::uint8_t kColours[4][3] = {
      {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {128, 128, 128}};
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto& colour = kColours[(2 * y / height) * 2 + 2 * x / width];
      rgb.insert(rgb.end(), colour, colour + 3);
    }
  }
  return rgb;
}

inline double psnr(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  double error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = double(a[i]) - double(b[i]);
    error += difference * difference;
  }
  return error == 0 ? INFINITY : 10 * std::log10(255.0 * 255.0 * double(a.size()) / error);
}

}  // namespace io_test
