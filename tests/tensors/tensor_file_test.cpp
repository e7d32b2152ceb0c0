#include <freeinit/io/safetensors.hpp>
#include <freeinit/numerics/noise_source.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <gtest/gtest.h>

#include <string>

#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

namespace tensor_file_test {
namespace {

at::Tensor randn(at::IntArrayRef shape) {
  return freeinit::NoiseSource(std::uint64_t{1}).draw(shape);
}

TEST(TensorFile, KeepsEveryDtypeAndShape) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong,
                                     at::kInt, at::kShort, at::kChar, at::kByte, at::kBool}) {
    const at::Tensor value = randn({2, 3, 5}).mul(20.0).abs().to(dtype);
    freeinit::save_tensors(path, {{"value", value}});
    const at::Tensor read = freeinit::load_tensor(path);
    EXPECT_EQ(read.scalar_type(), dtype);
    EXPECT_TRUE(read.equal(value)) << dtype;
  }
  freeinit::save_tensors(path, {{"scalar", at::scalar_tensor(3.5)}, {"empty", at::empty({0, 4})}});
  EXPECT_EQ(freeinit::load_tensor(path, "scalar").item<float>(), 3.5F);
  EXPECT_EQ(freeinit::load_tensor(path, "scalar").dim(), 0);
  EXPECT_EQ(freeinit::load_tensor(path, "empty").sizes(), (at::IntArrayRef{0, 4}));
}

TEST(TensorFile, WritesViewsContiguouslyAndKeepsMetadata) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const at::Tensor value = randn({4, 6}).t().slice(0, 1, 5, 2);
  freeinit::save_tensors(path, {{"value", value}}, {{"seed", "7"}});
  EXPECT_TRUE(freeinit::load_tensor(path, "value").equal(value));
  EXPECT_EQ(freeinit::read_safetensors(path).metadata.at("seed"), "7");
}

TEST(TensorFile, NamesWhatIsMissing) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  EXPECT_ERROR(not_found, "x.safetensors", freeinit::load_tensor(path));
  freeinit::save_tensors(path, {{"a", randn({1})}, {"b", randn({2})}});
  EXPECT_ERROR(not_found, "a, b", freeinit::load_tensor(path));
  EXPECT_ERROR(not_found, "a, b", freeinit::load_tensor(path, "c"));
}

TEST(TensorFile, RefusesDtypesTheFormatOrLibTorchLacks) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const auto refuse = [&] {
    freeinit::save_tensors(path, {{"c", randn({2}).to(at::kComplexDouble)}});
  };
  EXPECT_ERROR(unsupported, "dtype", refuse());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_ERROR(invalid_argument, "undefined", freeinit::save_tensors(path, {{"c", at::Tensor()}}));
  freeinit::write_safetensors(path, {{{"x", {"F6_E2M3", {4}, {3, std::byte{0}}}}}, {}});
  EXPECT_ERROR(unsupported, "F6_E2M3", freeinit::load_tensor(path));
}

}  // namespace
}  // namespace tensor_file_test
