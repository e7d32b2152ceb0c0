#pragma once

#include <freeinit/core/names.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/io/output_file.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// NumPy's names of LibTorch's dtypes, little-endian. There is none of bfloat16.
inline constexpr NameTable<at::ScalarType, 13> kNpyTypes{{
    {"<f8", at::kDouble},
    {"<f4", at::kFloat},
    {"<f2", at::kHalf},
    {"<c8", at::kComplexFloat},
    {"<i8", at::kLong},
    {"<i4", at::kInt},
    {"<i2", at::kShort},
    {"|i1", at::kChar},
    {"<u8", at::kUInt64},
    {"<u4", at::kUInt32},
    {"<u2", at::kUInt16},
    {"|u1", at::kByte},
    {"|b1", at::kBool},
}};

/// Magic bytes, version and the size of the header, as numpy.lib.format describes them.
inline constexpr std::string_view kNpyMagic("\x93NUMPY", 6);

struct NpyHeader {
  at::ScalarType dtype{};
  bool columns_first = false;  ///< "fortran_order"
  std::vector<std::int64_t> shape;
};

/// The text behind a key of the dictionary that the header is, up to what ends its value.
FREEINIT_INLINE std::string_view npy_value(std::string_view header, std::string_view key,
                                           char end) {
  const std::size_t at = header.find(key);
  if (at == header.npos) return {};
  header.remove_prefix(at + key.size());
  header.remove_prefix(std::min(header.find_first_not_of(": "), header.size()));
  return header.substr(0, header.find(end));
}

/// The sizes in "(3, 4, ". Empty with `good` false where it is not that, or would count too much.
FREEINIT_INLINE std::vector<std::int64_t> npy_shape(std::string_view text, bool& good) {
  constexpr std::size_t kMostDimensions = 32;  // NumPy's limit
  std::vector<std::int64_t> shape;
  good = text.starts_with('(');
  if (good) text.remove_prefix(1);
  std::int64_t count = 1;
  while (good && !text.empty()) {
    std::int64_t size = -1;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    good = error == std::errc() && size >= 0 && shape.size() < kMostDimensions &&
           !__builtin_mul_overflow(count, std::max<std::int64_t>(size, 1), &count);
    shape.push_back(size);
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
  }
  return shape;
}

FREEINIT_INLINE NpyHeader read_npy_header(std::istream& stream, const std::string& what) {
  constexpr std::size_t kLongest = 10000;  // NumPy's limit
  const auto refuse = [&what](const std::string& reason) {
    raise(ErrorCode::invalid_file, what + ": " + reason);
  };
  std::array<unsigned char, 12> head{};
  stream.read(reinterpret_cast<char*>(head.data()), 8);
  const std::string_view start(reinterpret_cast<const char*>(head.data()), 6);
  const int version = head[6];
  if (!stream || start != kNpyMagic || version < 1 || version > 3) refuse("no .npy file");
  const int size_bytes = version == 1 ? 2 : 4;
  stream.read(reinterpret_cast<char*>(&head[8]), size_bytes);
  std::size_t size = 0;
  for (int i = size_bytes; i-- > 0;) size = size << 8 | head[static_cast<std::size_t>(8 + i)];
  if (!stream || size > kLongest) refuse("its header is cut or longer than 10,000 bytes");
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(size))) refuse("its header is cut");

  const std::string_view type = npy_value(text, "'descr'", ',');
  const bool quoted = type.size() > 2 && type.front() == '\'' && type.back() == '\'';
  const auto dtype = find_value(quoted ? type.substr(1, type.size() - 2) : type, kNpyTypes);
  if (!dtype) {
    raise(ErrorCode::unsupported,
          concat(what, ": dtype ", quote(type), " is not read; expected one of ",
                 listed_names(kNpyTypes)));
  }
  bool good = false;
  NpyHeader header{.dtype = *dtype,
                   .columns_first = npy_value(text, "'fortran_order'", ',') == "True",
                   .shape = npy_shape(npy_value(text, "'shape'", ')'), good)};
  if (!good) refuse("its header has no shape that could be read");
  return header;
}

/// The tensor of a `.npy` file, on the CPU.
FREEINIT_INLINE at::Tensor load_npy(const std::filesystem::path& path) {
  const std::string what = "tensor file '" + path.string() + "'";
  std::ifstream stream = open_file(path, "tensor file");
  const NpyHeader header = read_npy_header(stream, what);
  std::uint64_t bytes = c10::elementSize(header.dtype);
  bool fits = true;
  for (const std::int64_t size : header.shape) {
    fits = fits && !__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes);
  }
  const auto begin = static_cast<std::uint64_t>(stream.tellg());
  if (!fits || std::filesystem::file_size(path) - begin < bytes) {
    raise(ErrorCode::invalid_file, what + ": is shorter than its header says");
  }
  std::vector<std::int64_t> stored = header.shape;
  if (header.columns_first) std::reverse(stored.begin(), stored.end());
  // Any byte but 0 counts as true: a bool of another value would be undefined behaviour.
  const bool is_bool = header.dtype == at::kBool;
  at::Tensor tensor = at::empty(stored, is_bool ? at::kByte : header.dtype);
  stream.read(static_cast<char*>(tensor.mutable_data_ptr()), static_cast<std::streamsize>(bytes));
  if (!stream) raise(ErrorCode::io, what + ": reading failed");
  if (is_bool) tensor = tensor.ne(0);
  return header.columns_first ? tensor.numpy_T().contiguous() : tensor;
}

/// Writes a contiguous tensor on the CPU, through a temporary name.
FREEINIT_INLINE void save_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  const std::string_view dtype = name_of_value(tensor.scalar_type(), kNpyTypes);
  if (!find_value(dtype, kNpyTypes)) {
    raise(ErrorCode::unsupported,
          concat("tensor file '", path.string(), "': .npy has no dtype for '",
                 c10::toString(tensor.scalar_type()), "'"));
  }
  std::string shape;
  for (const std::int64_t size : tensor.sizes()) shape += std::to_string(size) + ", ";
  if (tensor.dim() > 1) shape.resize(shape.size() - 2);
  if (tensor.dim() == 1) shape.pop_back();
  std::string header =
      concat("{'descr': '", dtype, "', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr std::size_t kStart = 10, kAlignment = 64;  // of the data in the file
  header.resize((kStart + header.size() + kAlignment) / kAlignment * kAlignment - kStart - 1, ' ');
  header += '\n';

  OutputFile output(path);
  std::ofstream stream(output.temporary(), std::ios::binary);
  const std::array<char, 4> version_and_size{1, 0, static_cast<char>(header.size() & 255),
                                             static_cast<char>(header.size() >> 8)};
  stream.write(kNpyMagic.data(), static_cast<std::streamsize>(kNpyMagic.size()));
  stream.write(version_and_size.data(), version_and_size.size()) << header;
  stream.write(static_cast<const char*>(tensor.const_data_ptr()),
               static_cast<std::streamsize>(tensor.nbytes()));
  stream.close();
  if (!stream) raise(ErrorCode::io, "tensor file '" + path.string() + "': writing failed");
  output.commit();
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
