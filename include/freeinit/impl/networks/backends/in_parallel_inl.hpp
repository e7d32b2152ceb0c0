#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/kernels/parallel.hpp>

#include <ATen/TensorIterator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// body(begin, end) for parts of 0..count on LibTorch's threads. LibTorch's at::parallel_for would
/// run on one thread here, as it is a header that wants to be compiled for OpenMP; its iterator is
/// not. What that goes through are `count` bytes of `memory`, which nobody reads.
inline void in_parallel(std::int64_t count, void* memory, const kernels::Part& body) {
  const at::Tensor places = at::from_blob(memory, {count}, at::kByte);
  const char* const first = static_cast<const char*>(memory);
  auto iterator = at::TensorIteratorConfig()
                      .add_output(places)
                      .resize_outputs(false)
                      .check_all_same_dtype(false)
                      .build();
  iterator.for_each(
      [&](char** data, const std::int64_t* /*strides*/, std::int64_t size, std::int64_t /*one*/) {
        const std::int64_t begin = data[0] - first;
        body(begin, begin + size);
      },
      1);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
