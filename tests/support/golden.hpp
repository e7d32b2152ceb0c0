#pragma once

#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>

/// Reference data under tests/golden/, and how to compare with it.
namespace golden {

/// FREEINIT_TEST_DATA in the environment is for tests that run on another machine.
[[nodiscard]] inline std::filesystem::path path(const std::string& name) {
  const char* const elsewhere = std::getenv("FREEINIT_TEST_DATA");
  return std::filesystem::path(elsewhere != nullptr ? elsewhere : FREEINIT_TEST_DATA) / name;
}

[[nodiscard]] inline nlohmann::json json(const std::string& name) {
  std::ifstream file(path(name));
  return nlohmann::json::parse(file);
}

[[nodiscard]] inline at::Tensor tensor(const std::string& file, const std::string& name) {
  return freeinit::load_tensor(path(file), name);
}

/// FNV-1a, 64 bits, of the bytes of a CPU tensor, as hexadecimal text.
[[nodiscard]] inline std::string fnv1a(const at::Tensor& values) {
  const at::Tensor host = values.contiguous();
  const auto* bytes = static_cast<const unsigned char*>(host.const_data_ptr());
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (std::size_t i = 0; i < host.nbytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001B3U;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, hash >>= 4U) {
    *digit = digits[hash & 15U];
  }
  return text;
}

/// Largest difference in magnitude, in double; infinite when the shapes differ or a value is not
/// finite.
[[nodiscard]] inline double difference(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined() || a.sizes() != b.sizes()) {
    return std::numeric_limits<double>::infinity();
  }
  const auto largest = a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item<double>();
  return largest == largest ? largest : std::numeric_limits<double>::infinity();
}

/// The same, relative to the largest magnitude of `theirs`, or to 1 if that is smaller.
[[nodiscard]] inline double relative_difference(const at::Tensor& ours, const at::Tensor& theirs) {
  const auto largest = theirs.to(at::kDouble).abs().max().item<double>();
  return difference(ours, theirs) / std::max(1.0, largest);
}

/// The largest value it was given; the destructor records it in the test's XML report.
class Largest {
 public:
  explicit Largest(const char* name) : name_(name) {}
  ~Largest() {
    std::ostringstream text;
    text << value_;
    testing::Test::RecordProperty(name_, text.str());
  }
  Largest(const Largest&) = delete;
  Largest& operator=(const Largest&) = delete;

  double operator()(double value) {
    value_ = std::max(value_, value);
    return value;
  }

 private:
  const char* name_;
  double value_ = 0.0;
};

[[nodiscard]] inline at::ScalarType scalar_type(const std::string& name) {
  if (name == "float16") return at::kHalf;
  if (name == "bfloat16") return at::kBFloat16;
  return name == "float64" ? at::kDouble : at::kFloat;
}

}  // namespace golden
