#pragma once

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace freeinit::kernels {

/// Of Highway's targets, wider ones being lower bits.
inline std::int64_t allowed_targets([[maybe_unused]] std::string_view capability) {
#if HWY_ARCH_X86
  if (capability == "AVX2") return ~(HWY_AVX2 - 1);
  if (capability != "AVX512") return 0;
#endif
  return ~std::int64_t{0};
}

/// Where the kernels of the widest instruction set that this processor has and `capability` allows
/// stand in a table of Highway, which has `size` rows; nothing where there are none.
inline std::optional<std::size_t> chosen_target(std::string_view capability, std::size_t size) {
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS & allowed_targets(capability);
  if (targets == 0) return {};
  hwy::ChosenTarget chosen;  // ours: the process's own is for everybody
  chosen.Update(targets);
  return size == 1 ? 0 : chosen.GetIndex();
}

}  // namespace freeinit::kernels
