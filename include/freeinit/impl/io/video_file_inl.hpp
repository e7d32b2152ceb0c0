#pragma once

#include <freeinit/io/video_file.hpp>

namespace freeinit::inline FREEINIT_ABI {}  // namespace freeinit::inline FREEINIT_ABI
