#pragma once

#include <freeinit/numerics/noise_source.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
