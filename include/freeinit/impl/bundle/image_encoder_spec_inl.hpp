#pragma once

#include <freeinit/bundle/image_encoder_spec.hpp>
#include <freeinit/bundle/manifest.hpp>  // first: its body needs that of specs
#include <freeinit/impl/bundle/specs_inl.hpp>
#include <freeinit/impl/core/json_inl.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE std::array<double, 3> read_channels(JsonReader& reader, const std::string& key,
                                                    double above) {
  const std::vector<double> values = reader.numbers(key);
  const bool usable =
      values.size() == 3 && std::all_of(values.begin(), values.end(),
                                        [&](double v) { return std::isfinite(v) && v > above; });
  if (!usable) reader.refuse(key, "three numbers" + std::string(above == 0 ? " above 0" : ""));
  return {values[0], values[1], values[2]};
}

/// Pixels along a side: more than any encoder takes would only be a way to run out of memory.
FREEINIT_INLINE std::int64_t read_side(JsonReader& reader, const std::string& key,
                                       std::int64_t least) {
  constexpr std::int64_t kLargest = 8192;
  const std::int64_t side = reader.integer(key, least);
  if (side > kLargest) reader.refuse(key, "at most " + std::to_string(kLargest) + " pixels");
  return side;
}

}  // namespace detail

FREEINIT_INLINE ImageEncoderSpec parse_image_encoder_spec(const std::string& json,
                                                          const std::string& origin) {
  const nlohmann::json parsed = detail::parse_strict_json(json, origin);
  detail::JsonReader reader(parsed, origin, "");
  static_cast<void>(reader.one_of("kind", {"image_encoder"}));
  ImageEncoderSpec spec;
  spec.name = reader.text("name");
  spec.dtype = detail::parse_dtype(reader);
  spec.resize = read_side(reader, "resize", 1);
  spec.crop = read_side(reader, "crop", 0);
  spec.interpolation = reader.one_of("interpolation", {"bilinear", "bicubic"});
  spec.antialias = reader.boolean("antialias");
  spec.mean = detail::read_channels(reader, "mean", -1e300);
  spec.std = detail::read_channels(reader, "std", 0.0);
  reader.finish();
  return spec;
}

}  // namespace freeinit::inline FREEINIT_ABI
