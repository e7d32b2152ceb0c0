#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/text_encoder.hpp>

#include <ATen/Functions.h>

namespace text_encoder_test {

class TextEncoder : public TinyNetworks {
 protected:
  [[nodiscard]] std::unique_ptr<const freeinit::TextEncoder> load() const {
    const auto known = manifest();
    return freeinit::load_torchscript_text_encoder(
        {.file = folder() / "text_encoder.pt", .contract = known.contracts.at("text_encoder")},
        known.text_encoder);
  }
};

TEST_F(TextEncoder, EncodesABatch) {
  const at::Tensor ids = at::arange(24, at::kLong).reshape({2, 12});
  const at::Tensor text = load()->encode(ids);
  EXPECT_EQ(text.sizes(), (std::vector<std::int64_t>{2, 12, 8}));
  EXPECT_FALSE(text[0].equal(text[1]));
}

TEST_F(TextEncoder, RefusesWhatAreNoIds) {
  const auto encoder = load();
  EXPECT_ERROR(invalid_argument, "expected int64 [batch, 1 to 12]",
               encoder->encode(at::zeros({1, 13}, at::kLong)));
  EXPECT_ERROR(invalid_argument, "of Float", encoder->encode(at::zeros({1, 12})));
  EXPECT_ERROR(invalid_argument, "token ids [12]", encoder->encode(at::zeros({12}, at::kLong)));
}

TEST_F(TextEncoder, UnknownIdIsAModelError) {
  EXPECT_ERROR(model, "forward failed for inputs of [1, 2]",
               load()->encode(at::full({1, 2}, 100000, at::kLong)));
}

}  // namespace text_encoder_test
