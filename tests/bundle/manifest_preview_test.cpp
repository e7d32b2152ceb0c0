#include "bundle/manifest_example.hpp"
#include "support/error_of.hpp"

#include <freeinit/bundle/manifest.hpp>

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

namespace io_test {
namespace {

using freeinit::parse_manifest;
using nlohmann::json;

TEST(ManifestPreview, MayBeAbsent) {
  json text = example_manifest();
  const auto map = parse_manifest(text.dump(), "m").latent_rgb;
  ASSERT_TRUE(map.has_value());
  ASSERT_EQ(map->factors.size(), 4U);
  EXPECT_EQ(map->factors[1], (std::array<double, 3>{0.325, 0.4974, -2.0}));
  EXPECT_EQ(map->bias, (std::array<double, 3>{0.0, -0.1, 1.0}));
  text.erase("preview");
  EXPECT_FALSE(parse_manifest(text.dump(), "m").latent_rgb.has_value());
}

TEST(ManifestPreview, RefusesByName) {
  const auto refuses = [](const std::string& says, const std::function<void(json&)>& change) {
    json wrong = example_manifest();
    change(wrong["preview"]);
    EXPECT_ERROR(invalid_file, says.c_str(), parse_manifest(wrong.dump(), "m"));
  };
  const std::string factors = "'preview.latent_rgb_factors'";
  const std::string bias = "'preview.latent_rgb_bias'";
  const std::string rows = "expected a list of three numbers of at most 1e+06";
  for (const json& value :
       {json(), json(3), json({1, 2, 3}), json({{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {1, 2}}),
        json({{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {1, 2, "3"}}),
        json({{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {1, 2, -1e7}})}) {
    refuses(factors, [&](json& preview) { preview["latent_rgb_factors"] = value; });
    refuses(rows, [&](json& preview) { preview["latent_rgb_factors"] = value; });
  }
  for (const json& value : {json::array(), json({{1, 2, 3}, {1, 2, 3}, {1, 2, 3}})}) {
    refuses("'number of preview.latent_rgb_factors' is " + std::to_string(value.size()) +
                " but 'vae.latent_channels' is 4",
            [&](json& preview) { preview["latent_rgb_factors"] = value; });
  }
  for (const json& value : {json(), json({1, 2}), json({1, 2, true}), json({1, 2, 1e300})}) {
    refuses(bias, [&](json& preview) { preview["latent_rgb_bias"] = value; });
  }
  refuses(factors, [](json& preview) { preview.erase("latent_rgb_factors"); });
  refuses(bias + " is missing", [](json& preview) { preview.erase("latent_rgb_bias"); });
  refuses("unknown key 'preview.latent_rgb'", [](json& preview) { preview["latent_rgb"] = 1; });
  refuses("'preview' is not a JSON object", [](json& preview) { preview = 1; });
}

}  // namespace
}  // namespace io_test
