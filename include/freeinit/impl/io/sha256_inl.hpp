#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/io/sha256.hpp>

extern "C" {
#include <libavutil/mem.h>
#include <libavutil/sha.h>
}

#include <array>
#include <cstdint>
#include <new>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE Sha256::Sha256() : state_(av_sha_alloc(), av_free) {
  if (!state_) throw std::bad_alloc();
  av_sha_init(static_cast<AVSHA*>(state_.get()), 256);
}

FREEINIT_INLINE void Sha256::add(std::span<const std::byte> bytes) {
  av_sha_update(static_cast<AVSHA*>(state_.get()),
                reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

FREEINIT_INLINE std::string Sha256::hex() {
  std::array<std::uint8_t, 32> digest{};
  av_sha_final(static_cast<AVSHA*>(state_.get()), digest.data());
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

FREEINIT_INLINE std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream stream = detail::open_file(path, "file");
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(std::as_bytes(std::span(buffer.data(), static_cast<std::size_t>(stream.gcount()))));
  }
  if (stream.bad()) raise(ErrorCode::io, "file '" + path.string() + "': reading failed");
  return hash.hex();
}

}  // namespace freeinit::inline FREEINIT_ABI
