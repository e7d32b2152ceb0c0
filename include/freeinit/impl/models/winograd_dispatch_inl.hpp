#pragma once

// The kernels for AVX2 and for AVX-512, compiled whatever the program is compiled for, and the
// choice between them when it runs.

#include <freeinit/impl/models/winograd_tiling_inl.hpp>

#include <ATen/Version.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define FREEINIT_WINOGRAD 1
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace freeinit::inline FREEINIT_ABI {
namespace detail::winograd {

#ifdef FREEINIT_WINOGRAD

namespace avx512 {
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma,prefer-vector-width=512")
#endif
#define FREEINIT_VECTOR_WIDTH 16
#include <freeinit/impl/models/winograd_kernels_inl.hpp>
#undef FREEINIT_VECTOR_WIDTH
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
}  // namespace avx512

namespace avx2 {
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define FREEINIT_VECTOR_WIDTH 8
#include <freeinit/impl/models/winograd_kernels_inl.hpp>
#undef FREEINIT_VECTOR_WIDTH
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
}  // namespace avx2

#endif

/// Those of the instruction set that LibTorch uses on this machine (ATEN_CPU_CAPABILITY chooses a
/// lower one for both), or null where there are none.
template <class Tiling>
const Routines<Tiling>* routines() {
#ifdef FREEINIT_WINOGRAD
  constexpr bool kOfImages = std::is_same_v<Tiling, ImageTiling>;
  static const std::string capability = at::get_cpu_capability();
  const auto choose = [](const auto& images, const auto& frames) -> const Routines<Tiling>* {
    if constexpr (kOfImages) {
      return &images;
    } else {
      return &frames;
    }
  };
  if (capability == "AVX512") return choose(avx512::kImages, avx512::kFrames);
  if (capability == "AVX2") return choose(avx2::kImages, avx2::kFrames);
#endif
  return nullptr;
}

}  // namespace detail::winograd
}  // namespace freeinit::inline FREEINIT_ABI
