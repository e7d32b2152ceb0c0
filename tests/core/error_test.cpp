#include <freeinit/core/error.hpp>
#include <freeinit/core/progress.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/core/shapes.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(Error, CarriesCodeAndMessage) {
  try {
    freeinit::raise(freeinit::ErrorCode::not_found, "bundle 'x': no such folder");
    FAIL() << "raise returned";
  } catch (const freeinit::Error& error) {
    EXPECT_EQ(error.code(), freeinit::ErrorCode::not_found);
    EXPECT_STREQ(error.what(), "bundle 'x': no such folder");
  }
}

TEST(Error, MessageIsOneLineWhateverItQuotes) {
  const freeinit::Error error(freeinit::ErrorCode::io, "file 'a\nb\r\t\x1B[31m': caf\xC3\xA9");
  EXPECT_STREQ(error.what(), "file 'a b   [31m': caf\xC3\xA9");
}

TEST(RunControl, EmptyCallbacksAreAllowed) {
  const freeinit::RunControl control;
  control.report({});
  control.message(freeinit::LogLevel::warning, "dropped");
  EXPECT_FALSE(control.stop.stop_requested());
}

TEST(RunControl, ForwardsMessages) {
  std::string seen;
  freeinit::RunControl control;
  control.log = [&](freeinit::LogLevel, std::string_view text) { seen = text; };
  control.message(freeinit::LogLevel::info, "hello");
  EXPECT_EQ(seen, "hello");
}

TEST(Phase, NamesAreStable) {
  EXPECT_EQ(to_string(freeinit::Phase::denoise), "denoise");
  EXPECT_EQ(to_string(freeinit::Phase::write), "write");
}

TEST(LatentShape, SizesFollowTheOrderOfTheTensor) {
  const freeinit::LatentShape shape{2, 4, 16, 40, 64};
  EXPECT_EQ(shape.sizes(), (std::array<std::int64_t, 5>{2, 4, 16, 40, 64}));
}

}  // namespace
