#include <freeinit/core/text.hpp>
#include <freeinit/io/safetensors.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/scalar_tensor.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

namespace tensor_file_test {
namespace {

at::Tensor randn(at::IntArrayRef shape) {
  return freeinit::NoiseSource(std::uint64_t{1}).draw(shape);
}

/// What is written and read again has the dtype, the sizes and every byte.
void expect_kept(const std::filesystem::path& path, at::ScalarType dtype, at::IntArrayRef shape) {
  const at::Tensor value = randn(shape).mul(20.0).abs().to(dtype);
  freeinit::save_tensors(path, {{"value", value}});
  const at::Tensor read = freeinit::load_tensor(path);
  EXPECT_EQ(read.scalar_type(), dtype);
  EXPECT_EQ(read.sizes(), value.sizes());
  EXPECT_EQ(std::memcmp(read.const_data_ptr(), value.const_data_ptr(), value.nbytes()), 0) << dtype;
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
  for (const at::ScalarType dtype :
       {at::kUInt16, at::kUInt32, at::kUInt64, at::kComplexFloat, at::kFloat8_e4m3fn,
        at::kFloat8_e5m2, at::kFloat8_e4m3fnuz, at::kFloat8_e5m2fnuz, at::kFloat8_e8m0fnu}) {
    expect_kept(path, dtype, {2, 3, 5});
  }
  freeinit::save_tensors(path, {{"scalar", at::scalar_tensor(3.5)}, {"empty", at::empty({0, 4})}});
  EXPECT_EQ(freeinit::load_tensor(path, "scalar").item<float>(), 3.5F);
  EXPECT_EQ(freeinit::load_tensor(path, "scalar").dim(), 0);
  EXPECT_EQ(freeinit::load_tensor(path, "empty").sizes(), (at::IntArrayRef{0, 4}));
}

TEST(TensorFile, KeepsEveryDtypeAndShapeOfNumPy) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.npy";
  for (const at::ScalarType dtype :
       {at::kDouble, at::kFloat, at::kHalf, at::kComplexFloat, at::kLong, at::kInt, at::kShort,
        at::kChar, at::kUInt64, at::kUInt32, at::kUInt16, at::kByte, at::kBool}) {
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{}, {7}, {2, 3, 5}, {0, 4}, {1, 1, 1, 1, 1, 2}}) {
      expect_kept(path, dtype, shape);
    }
  }
}

// What numpy.save of NumPy 1.26 writes: bytes typed out, not made by our writer.
TEST(TensorFile, NumPysFiles) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.npy";
  const auto write = [&](const std::string& header, const std::string& data) {
    const std::string size{static_cast<char>(header.size() & 255),
                           static_cast<char>(header.size() >> 8)};
    std::ofstream(path, std::ios::binary)
        << std::string("\x93NUMPY\x01\0", 8) << size << header << data;
  };
  const std::string rows("\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0", 12);
  write("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n", rows);
  EXPECT_TRUE(freeinit::load_tensor(path).equal(at::arange(1, 7, at::kShort).view({2, 3})));
  write("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n", rows);
  EXPECT_TRUE(freeinit::load_tensor(path).equal(at::arange(1, 7, at::kShort).view({3, 2}).t()));
  write("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }\n",
        "\x02" + std::string(1, '\0'));
  EXPECT_TRUE(freeinit::load_tensor(path).equal(at::arange(2).eq(0)));

  const auto refused = [&](freeinit::ErrorCode code, const std::string& header,
                           const std::string& says) {
    write(header, rows);
    const freeinit::Error error = error_of([&] { static_cast<void>(freeinit::load_tensor(path)); });
    EXPECT_EQ(error.code(), code) << header;
    EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
  };
  refused(freeinit::ErrorCode::unsupported,
          "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "'>f4'");
  refused(freeinit::ErrorCode::unsupported,
          "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", "dtype");
  refused(freeinit::ErrorCode::unsupported, "", "dtype");
  for (const char* shape :
       {"(4, 3)", "(99999999999, 99999999999)", "(4611686018427387904, 4, 0)"}) {
    refused(freeinit::ErrorCode::invalid_file,
            freeinit::concat("{'descr': '<i2', 'fortran_order': False, 'shape': ", shape, ", }\n"),
            "");
  }
  for (const char* shape : {"", "3", "(-1,)", "(x,)", "(99999999999999999999,)", "(1 . 2)"}) {
    refused(freeinit::ErrorCode::invalid_file,
            freeinit::concat("{'descr': '<i2', 'fortran_order': False, 'shape': ", shape, ", }\n"),
            "no shape");
  }
  std::ofstream(path) << "text";
  EXPECT_ERROR(invalid_file, "no .npy file", freeinit::load_tensor(path));
  std::ofstream(path, std::ios::binary) << std::string("\x93NUMPY\x02\0\xff\xff\xff\xff", 12);
  EXPECT_ERROR(invalid_file, "longer than 10,000 bytes", freeinit::load_tensor(path));
  EXPECT_ERROR(not_found, "without a name", freeinit::load_tensor(path, "x"));
  EXPECT_ERROR(invalid_argument, "holds one tensor; got 2",
               freeinit::save_tensors(path, {{"a", randn({1})}, {"b", randn({1})}}));
  EXPECT_ERROR(unsupported, "no dtype for 'BFloat16'",
               freeinit::save_tensors(path, {{"a", randn({1}).to(at::kBFloat16)}}));
}

// The header is read once, however many tensors follow: the file need not even be there any more.
TEST(TensorFile, ReadsAllTensorsOfAnOpenFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  freeinit::save_tensors(path, {{"a", at::scalar_tensor(1)}, {"b", at::scalar_tensor(2)}});
  freeinit::SafetensorsReader file(path);
  std::filesystem::remove(path);
  EXPECT_EQ(freeinit::read_tensor(file, "b").item<float>(), 2);
  EXPECT_EQ(freeinit::read_tensor(file, "a").item<float>(), 1);
  EXPECT_ERROR(not_found, "a, b", freeinit::read_tensor(file, "c"));
}

TEST(TensorFile, WritesViewsContiguouslyAndKeepsMetadata) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const at::Tensor value = randn({4, 6}).t().slice(0, 1, 5, 2);
  freeinit::save_tensors(path, {{"value", value}}, {{"seed", "7"}});
  EXPECT_TRUE(freeinit::load_tensor(path, "value").equal(value));
  EXPECT_EQ(freeinit::SafetensorsReader(path).metadata().at("seed"), "7");
}

TEST(TensorFile, WritesValuesThatAreNegatedOrConjugatedLazily) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const at::Tensor conjugate = at::complex(randn({3}), randn({3}).add(1)).conj();
  freeinit::save_tensors(path, {{"c", conjugate}, {"imaginary", at::imag(conjugate)}});
  EXPECT_TRUE(freeinit::load_tensor(path, "c").equal(conjugate));
  EXPECT_TRUE(freeinit::load_tensor(path, "imaginary").equal(at::imag(conjugate)));
}

/// The most memory this process has had, in MiB.
long peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// A tensor of 128 MiB is written from where it is, and read to where it shall be.
TEST(TensorFile, NeedsNoMemoryForCopies) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const at::Tensor value = at::full({128 << 20}, 7, at::kByte);
  const long with_one = peak_memory();
  freeinit::save_tensors(path, {{"value", value}, {"other", value.narrow(0, 0, 8)}});
  EXPECT_LT(peak_memory() - with_one, 64);
  EXPECT_EQ(freeinit::load_tensor(path, "value")[-1].item<int>(), 7);
  EXPECT_LT(peak_memory() - with_one, 128 + 64);
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
  const std::vector<std::byte> packed(3);
  freeinit::write_safetensors(path, {{"x", {"F6_E2M3", {4}, packed}}});
  EXPECT_ERROR(unsupported, "dtype 'F6_E2M3' is not read; expected one of F64, F32",
               freeinit::load_tensor(path));
}

}  // namespace
}  // namespace tensor_file_test
