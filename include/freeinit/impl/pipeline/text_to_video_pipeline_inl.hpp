#pragma once

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
