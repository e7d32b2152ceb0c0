#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/io/json_inl.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/safetensors.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

struct SafetensorsDtype {
  const char* name;
  std::size_t bits;
};

/// Every dtype of the format (safetensors 0.8), in the order in which its writer sorts tensors
/// backwards: the widest first, so that each tensor is aligned.
inline constexpr std::array<SafetensorsDtype, 22> kSafetensorsDtypes{{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};

/// Position in the table, or its size for an unknown name.
FREEINIT_INLINE std::size_t dtype_rank(const std::string& name) noexcept {
  const auto* found =
      std::find_if(kSafetensorsDtypes.begin(), kSafetensorsDtypes.end(),
                   [&](const SafetensorsDtype& dtype) { return name == dtype.name; });
  return static_cast<std::size_t>(found - kSafetensorsDtypes.begin());
}

/// Bytes of a tensor, or nothing: unknown dtype, negative size, overflow, a sub-byte dtype that
/// does not fill its last byte.
FREEINIT_INLINE std::optional<std::uint64_t> tensor_bytes(const std::string& dtype,
                                                          const std::vector<std::int64_t>& shape) {
  const std::size_t rank = dtype_rank(dtype);
  if (rank == kSafetensorsDtypes.size()) return std::nullopt;
  std::uint64_t bits = kSafetensorsDtypes[rank].bits;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bits, static_cast<std::uint64_t>(size), &bits)) {
      return std::nullopt;
    }
  }
  return bits % 8 == 0 ? std::optional(bits / 8) : std::nullopt;
}

/// One tensor of the header, before its bytes are read.
struct TensorEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

FREEINIT_INLINE std::vector<std::uint64_t> unsigned_list(JsonReader& reader,
                                                         const std::string& key) {
  const nlohmann::json& list = reader.required(key);
  const std::string expected = "a list of integers of at least 0";
  if (!list.is_array()) reader.refuse(key, expected);
  std::vector<std::uint64_t> values;
  for (const nlohmann::json& element : list) {
    if (!element.is_number_unsigned()) reader.refuse(key, expected);
    values.push_back(element.get<std::uint64_t>());
  }
  return values;
}

FREEINIT_INLINE TensorEntry parse_tensor_entry(const std::string& name, JsonReader reader) {
  TensorEntry entry;
  entry.name = name;
  entry.dtype = reader.text("dtype");
  if (dtype_rank(entry.dtype) == kSafetensorsDtypes.size()) {
    reader.refuse("dtype", "a dtype of the safetensors format");
  }
  for (const std::uint64_t size : unsigned_list(reader, "shape")) {
    if (size > std::uint64_t{INT64_MAX}) reader.refuse("shape", "sizes below 2^63");
    entry.shape.push_back(static_cast<std::int64_t>(size));
  }
  const std::vector<std::uint64_t> offsets = unsigned_list(reader, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    reader.refuse("data_offsets", "[begin, end]");
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  const std::optional<std::uint64_t> bytes = tensor_bytes(entry.dtype, entry.shape);
  if (!bytes || *bytes != entry.end - entry.begin) {
    reader.refuse("data_offsets", "as many bytes as shape and dtype take");
  }
  return entry;
}

/// The tensors sorted by place, checked to fill `data_bytes` without a gap or an overlap.
FREEINIT_INLINE void check_layout(std::vector<TensorEntry>& entries, std::uint64_t data_bytes,
                                  const std::string& origin) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t filled = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != filled) {
      raise(ErrorCode::invalid_file, origin + ": tensor '" + entry.name + "' begins at byte " +
                                         std::to_string(entry.begin) + " of the data; expected " +
                                         std::to_string(filled) + " (a gap or an overlap)");
    }
    filled = entry.end;
  }
  if (filled != data_bytes) {
    raise(ErrorCode::invalid_file, origin + ": the tensors take " + std::to_string(filled) +
                                       " bytes but the file holds " + std::to_string(data_bytes) +
                                       " (truncated or altered)");
  }
}

FREEINIT_INLINE std::map<std::string, std::string> parse_metadata(JsonReader reader) {
  std::map<std::string, std::string> metadata;
  for (const auto& [key, ignored] : reader.value().items()) metadata[key] = reader.text(key);
  return metadata;
}

/// The JSON text between the length field and the data; `stream` stands behind it afterwards.
FREEINIT_INLINE std::string read_header(std::ifstream& stream, std::uint64_t file_bytes,
                                        const std::string& origin) {
  constexpr std::uint64_t kLongest = 100'000'000;  // the limit of the format's own library
  std::array<unsigned char, 8> raw{};
  stream.read(reinterpret_cast<char*>(raw.data()), raw.size());
  if (!stream) raise(ErrorCode::invalid_file, origin + ": shorter than the 8 bytes of its length");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) length |= std::uint64_t{raw[i]} << (8 * i);
  if (length > kLongest || length > file_bytes - raw.size()) {
    raise(ErrorCode::invalid_file, origin + ": its header claims " + std::to_string(length) +
                                       " bytes; the file has " + std::to_string(file_bytes) +
                                       " (truncated, or not a safetensors file)");
  }
  std::string header(static_cast<std::size_t>(length), '\0');
  stream.read(header.data(), static_cast<std::streamsize>(length));
  if (!stream) raise(ErrorCode::io, origin + ": reading the header failed");
  return header;
}

/// The header as the format's own writer makes it: no white space, metadata first, padded by spaces
/// to a multiple of 8 bytes. `order`: the tensors in the order of their bytes.
FREEINIT_INLINE std::string make_header(
    const SafetensorsContent& content,
    const std::vector<std::pair<std::string, const RawTensor*>>& order) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : order) {
    const std::uint64_t end = offset + tensor->data.size();
    header[name] = nlohmann::ordered_json::object();
    header[name]["dtype"] = tensor->dtype;
    header[name]["shape"] = tensor->shape;
    header[name]["data_offsets"] = {offset, end};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

/// The tensors in the order of their bytes: wide dtypes first, then by name.
FREEINIT_INLINE std::vector<std::pair<std::string, const RawTensor*>> writing_order(
    const SafetensorsContent& content, const std::filesystem::path& path) {
  std::vector<std::pair<std::string, const RawTensor*>> order;
  for (const auto& [name, tensor] : content.tensors) {
    const std::optional<std::uint64_t> bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes || *bytes != tensor.data.size() || name == "__metadata__") {
      raise(ErrorCode::invalid_argument,
            "safetensors '" + path.string() + "': tensor '" + name + "' of dtype '" + tensor.dtype +
                "' has " + std::to_string(tensor.data.size()) +
                " bytes; expected what a known dtype and the shape take, and another name than "
                "__metadata__");
    }
    order.emplace_back(name, &tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return dtype_rank(a.second->dtype) > dtype_rank(b.second->dtype);
  });
  return order;
}

}  // namespace detail

FREEINIT_INLINE std::size_t safetensors_element_size(const std::string& dtype) noexcept {
  const std::size_t rank = detail::dtype_rank(dtype);
  return rank < detail::kSafetensorsDtypes.size() ? detail::kSafetensorsDtypes[rank].bits / 8 : 0;
}

FREEINIT_INLINE SafetensorsContent read_safetensors(const std::filesystem::path& path) {
  const std::string origin = "safetensors '" + path.string() + "'";
  std::ifstream stream = detail::open_file(path, "safetensors");
  std::error_code failure;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, failure);
  if (failure) raise(ErrorCode::io, origin + ": " + failure.message());
  const std::string header = detail::read_header(stream, file_bytes, origin);
  const nlohmann::json json = detail::parse_strict_json(header, origin + ": header");
  detail::JsonReader root(json, origin, "");
  SafetensorsContent content;
  if (root.has_value("__metadata__")) {
    content.metadata = detail::parse_metadata(root.object("__metadata__"));
  }
  std::vector<detail::TensorEntry> entries;
  for (const auto& [name, ignored] : json.items()) {
    if (name == "__metadata__") continue;
    entries.push_back(detail::parse_tensor_entry(name, root.object(name)));
  }
  detail::check_layout(entries, file_bytes - 8 - header.size(), origin);
  for (detail::TensorEntry& entry : entries) {
    RawTensor tensor{std::move(entry.dtype), std::move(entry.shape), {}};
    tensor.data.resize(static_cast<std::size_t>(entry.end - entry.begin));
    stream.read(reinterpret_cast<char*>(tensor.data.data()),
                static_cast<std::streamsize>(tensor.data.size()));
    if (!stream) raise(ErrorCode::io, origin + ": reading tensor '" + entry.name + "' failed");
    content.tensors.emplace(std::move(entry.name), std::move(tensor));
  }
  return content;
}

FREEINIT_INLINE void write_safetensors(const std::filesystem::path& path,
                                       const SafetensorsContent& content) {
  const auto order = detail::writing_order(content, path);
  std::string header;
  try {
    header = detail::make_header(content, order);
  } catch (const nlohmann::json::exception&) {
    raise(ErrorCode::invalid_argument,
          "safetensors '" + path.string() + "': a name or a metadata text is not valid UTF-8");
  }
  OutputFile output(path);
  std::ofstream stream(output.temporary(), std::ios::binary);
  for (std::size_t i = 0; i < 8; ++i) stream.put(static_cast<char>(header.size() >> (8 * i) & 255));
  stream << header;
  for (const auto& [name, tensor] : order) {
    stream.write(reinterpret_cast<const char*>(tensor->data.data()),
                 static_cast<std::streamsize>(tensor->data.size()));
  }
  stream.close();
  if (!stream) raise(ErrorCode::io, "safetensors '" + path.string() + "': writing failed");
  output.commit();
}

}  // namespace freeinit::inline FREEINIT_ABI
