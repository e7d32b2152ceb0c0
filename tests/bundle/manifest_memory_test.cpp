#include "bundle/manifest_example.hpp"
#include "support/error_of.hpp"

#include <freeinit/bundle/manifest.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace io_test {
namespace {

using freeinit::parse_manifest;
using nlohmann::json;

constexpr auto npos = std::string::npos;

TEST(ManifestMemory, MayBeAbsentButNotInParts) {
  json text = example_manifest();
  const auto memory = parse_manifest(text.dump(), "m").memory;
  EXPECT_EQ(memory.at("unet").weights, 4'000'000'000);
  EXPECT_EQ(memory.at("unet").call, 7);
  EXPECT_EQ(memory.at("vae_encoder").per_latent, 4105);
  text.erase("memory");
  EXPECT_TRUE(parse_manifest(text.dump(), "m").memory.empty());
  const auto refused = [](const std::function<void(json&)>& change) {
    json wrong = example_manifest();
    change(wrong["memory"]);
    return std::string(error_of([&] { (void)parse_manifest(wrong.dump(), "m"); }).what());
  };
  EXPECT_NE(refused([](json& section) { section.erase("unet"); }).find("memory.unet"), npos);
  EXPECT_NE(refused([](json& section) { section["unet"]["call"] = -1; }).find("memory.unet.call"),
            npos);
  EXPECT_NE(refused([](json& section) {
              section["unet"]["weights"] = std::int64_t{1} << 60;
            }).find("at most 17592186044416"),
            npos);
  EXPECT_NE(refused([](json& section) { section["clip"] = json::object(); }).find("clip"), npos);
  json decoder_only = example_manifest();
  decoder_only["vae"]["encoder_file"] = "";
  decoder_only["memory"].erase("vae_encoder");
  EXPECT_EQ(parse_manifest(decoder_only.dump(), "m").memory.size(), 3U);
}

}  // namespace
}  // namespace io_test
