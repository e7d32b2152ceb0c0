#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/io/sha256.hpp>

extern "C" {
#include <libavutil/mem.h>
#include <libavutil/sha.h>
}

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream stream = detail::open_file(path, "file");
  const std::unique_ptr<AVSHA, void (*)(void*)> state(av_sha_alloc(), av_free);
  if (!state) throw std::bad_alloc();
  av_sha_init(state.get(), 256);
  std::vector<char> buffer(1 << 20);
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    av_sha_update(state.get(), reinterpret_cast<const std::uint8_t*>(buffer.data()),
                  static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) raise(ErrorCode::io, "file '" + path.string() + "': reading failed");
  std::array<std::uint8_t, 32> digest{};
  av_sha_final(state.get(), digest.data());
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace freeinit::inline FREEINIT_ABI
