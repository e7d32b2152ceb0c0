#include "support/error_of.hpp"

#include <freeinit/impl/networks/contract_inl.hpp>

#include <gtest/gtest.h>

#include <string>

namespace contract_test {

using freeinit::detail::check_contract;

TEST(Contract, NamesTheFirstKeyThatDiffers) {
  const std::string contract = R"({"dtype":"float32","width":8})";
  EXPECT_NO_THROW(check_contract("u.pt", R"({"width":8, "dtype":"float32"})", contract));
  EXPECT_NO_THROW(check_contract("u.pt", "", ""));
  EXPECT_ERROR(invalid_file, "u.pt: 'width' is 9 in the file, but manifest.json says 8",
               check_contract("u.pt", R"({"width":9,"dtype":"float32"})", contract));
  EXPECT_ERROR(invalid_file, "u.pt: 'width' is absent in the file",
               check_contract("u.pt", R"({"dtype":"float32"})", contract));
  EXPECT_ERROR(invalid_file, "u.pt: 'more' is 1 in the file, but manifest.json says absent",
               check_contract("u.pt", R"({"dtype":"float32","width":8,"more":1})", contract));
  EXPECT_ERROR(invalid_file, "holds no contract", check_contract("u.pt", "", contract));
  EXPECT_ERROR(invalid_file, "is not a JSON object", check_contract("u.pt", "[1]", contract));
}

// What a network's file says may be as long and as deep as its writer likes.
TEST(Contract, HostileTexts) {
  const std::string longest(1'000'000, 'x');
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const std::string& text : {R"({"dtype":)" + deep + "}", "{\"" + longest + "\":1}",
                                  R"({"dtype":")" + longest + "\"}"}) {
    const freeinit::Error error =
        error_of([&] { check_contract("u.pt", text, R"({"dtype":"float32"})"); });
    EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_file);
    EXPECT_LT(std::string(error.what()).size(), 500U);
  }
}

}  // namespace contract_test
