#pragma once

#include <freeinit/text/clip_tokenizer.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
