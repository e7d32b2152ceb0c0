#pragma once

#include <freeinit/models/guided_denoiser.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
