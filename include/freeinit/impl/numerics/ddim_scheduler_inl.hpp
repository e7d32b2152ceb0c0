#pragma once

#include <freeinit/numerics/ddim_scheduler.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
