#pragma once

#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/safetensors.hpp>

#include <algorithm>
#include <array>
#include <fstream>
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

FREEINIT_INLINE SafetensorsEntry parse_tensor_entry(JsonReader reader) {
  SafetensorsEntry entry;
  entry.dtype = reader.text("dtype");
  if (dtype_rank(entry.dtype) == kSafetensorsDtypes.size()) {
    reader.refuse("dtype", "a dtype of the safetensors format");
  }
  const std::vector<std::uint64_t> sizes = reader.sizes("shape");
  constexpr std::size_t kMostSizes = 64;  // as LibTorch computes with
  if (sizes.size() > kMostSizes) reader.refuse("shape", concat("at most ", kMostSizes, " sizes"));
  for (const std::uint64_t size : sizes) {
    if (size > std::uint64_t{INT64_MAX}) reader.refuse("shape", "sizes below 2^63");
    entry.shape.push_back(static_cast<std::int64_t>(size));
  }
  const std::vector<std::uint64_t> offsets = reader.sizes("data_offsets");
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

/// Refuses tensors that leave a gap, overlap, or do not fill `data_bytes`.
FREEINIT_INLINE void check_layout(const std::map<std::string, SafetensorsEntry>& tensors,
                                  std::uint64_t data_bytes, const std::string& origin) {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, const std::string*>> places;
  for (const auto& [name, entry] : tensors) places.emplace_back(entry.begin, entry.end, &name);
  std::sort(places.begin(), places.end());
  std::uint64_t filled = 0;
  for (const auto& [begin, end, name] : places) {
    if (begin != filled) {
      raise(ErrorCode::invalid_file,
            concat(origin, ": tensor ", quote(*name), " begins at byte ", begin,
                   " of the data; expected ", filled, " (a gap or an overlap)"));
    }
    filled = end;
  }
  if (filled != data_bytes) {
    raise(ErrorCode::invalid_file,
          concat(origin, ": the tensors take ", filled, " bytes but the file holds ", data_bytes,
                 " (truncated or altered)"));
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
  std::array<unsigned char, 8> raw{};
  stream.read(reinterpret_cast<char*>(raw.data()), raw.size());
  if (!stream) raise(ErrorCode::invalid_file, origin + ": shorter than the 8 bytes of its length");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) length |= std::uint64_t{raw[i]} << (8 * i);
  if (length > file_bytes - raw.size()) {
    raise(ErrorCode::invalid_file,
          concat(origin, ": its header claims ", length, " bytes; the file has ", file_bytes,
                 " (truncated, or not a safetensors file)"));
  }
  if (length > kLargestText) {
    raise(ErrorCode::invalid_file,
          concat(origin, ": its header takes ", length, " bytes; expected at most 16 MiB"));
  }
  std::string header(static_cast<std::size_t>(length), '\0');
  stream.read(header.data(), static_cast<std::streamsize>(length));
  if (!stream) raise(ErrorCode::io, origin + ": reading the header failed");
  return header;
}

using NamedViews = std::vector<std::pair<std::string, const SafetensorsView*>>;

/// The tensors in the order of their bytes: wide dtypes first, then by name.
FREEINIT_INLINE NamedViews writing_order(const std::map<std::string, SafetensorsView>& tensors,
                                         const std::string& origin) {
  NamedViews order;
  for (const auto& [name, tensor] : tensors) {
    const std::optional<std::uint64_t> bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes || *bytes != tensor.data.size() || name == "__metadata__") {
      raise(ErrorCode::invalid_argument,
            concat(origin, ": tensor ", quote(name), " of dtype ", quote(tensor.dtype), " has ",
                   tensor.data.size(),
                   " bytes; expected what a known dtype and the shape take, and another name than "
                   "__metadata__"));
    }
    order.emplace_back(name, &tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return dtype_rank(a.second->dtype) > dtype_rank(b.second->dtype);
  });
  return order;
}

/// The header as the format's own writer makes it: no white space, metadata first, padded by spaces
/// to a multiple of 8 bytes. `order`: the tensors in the order of their bytes.
FREEINIT_INLINE std::string make_header(const std::map<std::string, std::string>& metadata,
                                        const NamedViews& order, const std::string& origin) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : order) {
    const std::uint64_t end = offset + tensor->data.size();
    header[name] = nlohmann::ordered_json::object();
    header[name]["dtype"] = tensor->dtype;
    header[name]["shape"] = tensor->shape;
    header[name]["data_offsets"] = {offset, end};
    offset = end;
  }
  try {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  } catch (const nlohmann::json::exception&) {
    raise(ErrorCode::invalid_argument, origin + ": a name or a metadata text is not valid UTF-8");
  }
}

}  // namespace detail

FREEINIT_INLINE std::size_t safetensors_element_size(const std::string& dtype) noexcept {
  const std::size_t rank = detail::dtype_rank(dtype);
  return rank < detail::kSafetensorsDtypes.size() ? detail::kSafetensorsDtypes[rank].bits / 8 : 0;
}

FREEINIT_INLINE SafetensorsReader::SafetensorsReader(const std::filesystem::path& path)
    : path_(path),
      origin_("safetensors " + quote(path.string())),
      stream_(detail::open_file(path, "safetensors")) {
  std::error_code failure;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, failure);
  if (failure) raise(ErrorCode::io, origin_ + ": " + failure.message());
  const std::string header = detail::read_header(stream_, file_bytes, origin_);
  const nlohmann::json json = detail::parse_strict_json(header, origin_ + ": header");
  detail::JsonReader root(json, origin_, "");
  if (root.has_value("__metadata__")) {
    metadata_ = detail::parse_metadata(root.object("__metadata__"));
  }
  for (const auto& [name, ignored] : json.items()) {
    if (name == "__metadata__") continue;
    tensors_.emplace(name, detail::parse_tensor_entry(root.object(name)));
  }
  data_begin_ = 8 + header.size();
  detail::check_layout(tensors_, file_bytes - data_begin_, origin_);
}

FREEINIT_INLINE void SafetensorsReader::read(const std::string& name, std::span<std::byte> bytes) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    raise(ErrorCode::not_found, concat(origin_, ": has no tensor ", quote(name)));
  }
  const SafetensorsEntry& entry = found->second;
  if (bytes.size() != entry.end - entry.begin) {
    raise(ErrorCode::invalid_argument,
          concat(origin_, ": tensor ", quote(name), " has ", entry.end - entry.begin,
                 " bytes; expected room for them, not for ", bytes.size()));
  }
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(data_begin_ + entry.begin));
  stream_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream_) {
    raise(ErrorCode::io, concat(origin_, ": reading tensor ", quote(name), " failed"));
  }
}

FREEINIT_INLINE void write_safetensors(const std::filesystem::path& path,
                                       const std::map<std::string, SafetensorsView>& tensors,
                                       const std::map<std::string, std::string>& metadata) {
  const std::string origin = "safetensors '" + path.string() + "'";
  const auto order = detail::writing_order(tensors, origin);
  const std::string header = detail::make_header(metadata, order, origin);
  OutputFile output(path);
  std::ofstream stream(output.temporary(), std::ios::binary);
  for (std::size_t i = 0; i < 8; ++i) stream.put(static_cast<char>(header.size() >> (8 * i) & 255));
  stream << header;
  for (const auto& [name, tensor] : order) {
    stream.write(reinterpret_cast<const char*>(tensor->data.data()),
                 static_cast<std::streamsize>(tensor->data.size()));
  }
  stream.close();
  if (!stream) raise(ErrorCode::io, origin + ": writing failed");
  output.commit();
}

}  // namespace freeinit::inline FREEINIT_ABI
