#pragma once

#include <freeinit/numerics/tensor_file.hpp>

namespace freeinit::inline FREEINIT_ABI {

}  // namespace freeinit::inline FREEINIT_ABI
