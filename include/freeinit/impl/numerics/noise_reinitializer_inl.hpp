#pragma once

#include <freeinit/numerics/noise_reinitializer.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
