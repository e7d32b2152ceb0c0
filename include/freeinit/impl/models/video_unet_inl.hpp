#pragma once

#include <freeinit/models/video_unet.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
