#include <freeinit/core/checks.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/core/progress.hpp>
#include <freeinit/core/text.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <locale>
#include <string>
#include <string_view>

#include "support/error_of.hpp"

namespace text_test {
namespace {

/// A locale that would write 1234567 as 1.234.567 and 0.5 as 0,5.
struct Grouped : std::numpunct<char> {
  [[nodiscard]] char do_thousands_sep() const override { return '.'; }
  [[nodiscard]] char do_decimal_point() const override { return ','; }
  [[nodiscard]] std::string do_grouping() const override { return "\3"; }
};

TEST(Concat, WritesValuesAsTheCLocaleDoes) {
  const std::locale before = std::locale::global(std::locale(std::locale(), new Grouped));
  const std::string text = freeinit::concat("size ", 1234567, "x", 0.5, std::string(" px"), '!');
  std::locale::global(before);
  EXPECT_EQ(text, "size 1234567x0.5 px!");
}

TEST(Excerpt, CutsLongTextsAtACharacter) {
  EXPECT_EQ(freeinit::quote("short"), "'short'");
  EXPECT_EQ(freeinit::excerpt(std::string(200, 'x')), std::string(200, 'x'));
  EXPECT_EQ(freeinit::excerpt(std::string(5000, 'x')), std::string(200, 'x') + "...");
  EXPECT_EQ(freeinit::excerpt("ab\xE2\x82\xAC", 4), "ab...");
  EXPECT_EQ(freeinit::excerpt("ab\xE2\x82\xAC", 5), "ab\xE2\x82\xAC");
  EXPECT_EQ(freeinit::excerpt("a\xFF"), "a\uFFFD");
}

enum class Colour { red, green };
constexpr freeinit::NameTable<Colour, 2> kColours{{{"red", Colour::red}, {"green", Colour::green}}};

TEST(Names, GoBothWays) {
  static_assert(freeinit::find_value("green", kColours) == Colour::green);
  static_assert(freeinit::name_of_value(Colour::red, kColours) == "red");
  static_assert(freeinit::name_of_value(Colour(7), kColours) == "unknown");
  EXPECT_EQ(freeinit::value_from_name("colour", "red", kColours), Colour::red);
  EXPECT_ERROR(invalid_argument, "colour 'blue': unknown; expected one of red, green",
               freeinit::value_from_name("colour", "blue", kColours));
  const std::string message =
      error_of([] {
        (void)freeinit::value_from_name("colour", std::string(9999, 'b'), kColours);
      }).what();
  EXPECT_LT(message.size(), 300U);
  EXPECT_EQ(to_string(freeinit::Phase::denoise), "denoise");
}

TEST(Checks, RefuseWhatLiesOutside) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  freeinit::check_between("side", std::int64_t{1}, 1, 3);
  freeinit::check_between("side", std::int64_t{3}, 1, 3);
  freeinit::check_at_least("side", 1, 1);
  EXPECT_ERROR(invalid_argument, "side '4': outside its range; expected 1 to 3",
               freeinit::check_between("side", 4, 1, 3));
  EXPECT_ERROR(invalid_argument, "share 'nan': outside its range; expected 0 to 1",
               freeinit::check_between("share", kNan, 0, 1));
  EXPECT_ERROR(invalid_argument, "frames '0': outside its range; expected at least 1",
               freeinit::check_at_least("frames", 0, 1));
  EXPECT_ERROR(invalid_argument, "scale 'inf': outside its range; expected at least 0",
               freeinit::check_at_least("scale", std::numeric_limits<double>::infinity(), 0));
}

}  // namespace
}  // namespace text_test
