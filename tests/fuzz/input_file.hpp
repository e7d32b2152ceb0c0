#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace fuzz {

/// The bytes of one run as a file; one name a process.
inline std::filesystem::path input_file(const std::uint8_t* data, std::size_t size,
                                        const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("freeinit-fuzz-" + std::to_string(getpid()) + "-" + name);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  return path;
}

/// Throws when a promise of the library is broken.
inline void require(bool kept, const char* promise) {
  if (!kept) throw std::logic_error(promise);
}

}  // namespace fuzz
