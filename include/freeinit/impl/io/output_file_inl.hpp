#pragma once

#include <freeinit/io/output_file.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
