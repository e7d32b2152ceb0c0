#pragma once

#include <freeinit/c/freeinit.h>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace freeinit_c {

/// Bytes of a struct up to its last field of version 1.0: no caller has less.
template <class Struct>
inline constexpr std::size_t kFirstSize = 0;
template <>
inline constexpr std::size_t kFirstSize<freeinit_load_options> = offsetof(freeinit_load_options,
                                                                          low_memory) +
                                                                 sizeof(std::int32_t);
template <>
inline constexpr std::size_t kFirstSize<freeinit_run_options> = offsetof(freeinit_run_options,
                                                                         initial_noise) +
                                                                sizeof(void*);
template <>
inline constexpr std::size_t kFirstSize<freeinit_clip> = offsetof(freeinit_clip, width) +
                                                         sizeof(std::int64_t);
template <>
inline constexpr std::size_t kFirstSize<freeinit_latents> = offsetof(freeinit_latents, pass) +
                                                            sizeof(std::int64_t);

/// `struct_size` of a struct of the caller's. Throws freeinit::Error: invalid_argument.
template <class Struct>
std::size_t checked_size(const Struct& given, const char* name) {
  constexpr std::size_t kLargest = 4096;  // memory that was never set would be read beyond its end
  const std::size_t size = given.struct_size;
  if (size >= kFirstSize<Struct> && size <= kLargest) return size;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  freeinit::concat(name, ".struct_size '", size, "': expected sizeof(freeinit_",
                                   name, "), ", sizeof(Struct)));
}

/// What the caller has filled in, with zeros for fields that an older caller does not know; all
/// zero for NULL. Throws freeinit::Error: invalid_argument, unsupported (a newer field is set).
template <class Struct>
Struct read_struct(const Struct* given, const char* name) {
  Struct own{};
  if (!given) return own;
  const std::size_t size = checked_size(*given, name);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  const std::size_t known = std::min(size, sizeof(Struct));
  if (std::any_of(bytes + known, bytes + size, [](unsigned char byte) { return byte != 0; })) {
    freeinit::raise(
        freeinit::ErrorCode::unsupported,
        freeinit::concat(name, ": a field is set that this library does not know; it is ",
                         "of version ", FREEINIT_C_VERSION_MAJOR, '.', FREEINIT_C_VERSION_MINOR,
                         " of the interface"));
  }
  std::memcpy(&own, given, known);
  return own;
}

/// Fills a struct of the caller's as far as it reaches. Throws freeinit::Error: invalid_argument.
template <class Struct>
void write_struct(Struct& place, Struct own, const char* name) {
  own.struct_size = checked_size(place, name);
  std::memcpy(&place, &own, std::min(own.struct_size, sizeof(Struct)));
}

}  // namespace freeinit_c
