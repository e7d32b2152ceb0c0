#pragma once

#include <freeinit/numerics/frequency_filter.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
