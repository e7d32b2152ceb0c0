#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <ostream>

/// A device that is not the CPU, for machines without a GPU: LibTorch's PrivateUse1 backend on host
/// memory. Every operator runs on the CPU through one boxed fallback, mixing devices throws as on
/// CUDA, and whatever would make the host wait on a real device is counted. Link
/// support/simulated_device.cpp into the test; nothing has to be initialised.
namespace simulated_device {

/// The device, "privateuseone:0".
[[nodiscard]] at::Device device();

/// What crossed the border between host and device.
struct Traffic {
  std::int64_t to_device = 0;     ///< tensors copied from the CPU
  std::int64_t to_host = 0;       ///< tensors copied to the CPU
  std::int64_t scalar_reads = 0;  ///< `.item()`, and operators that return a plain number or bool

  friend bool operator==(const Traffic&, const Traffic&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Traffic& value) {
  return out << value.to_device << " to the device, " << value.to_host << " to the host, "
             << value.scalar_reads << " scalar reads";
}

/// Traffic of the whole process so far.
[[nodiscard]] Traffic traffic();

/// Operators that ran on the device so far, views and metadata left out: on a GPU, kernels
/// launched.
[[nodiscard]] std::int64_t operators();

/// Traffic since the object was made.
class TrafficMeter {
 public:
  TrafficMeter() : begin_(traffic()) {}
  [[nodiscard]] Traffic read() const {
    const Traffic now = traffic();
    return {now.to_device - begin_.to_device, now.to_host - begin_.to_host,
            now.scalar_reads - begin_.scalar_reads};
  }

 private:
  Traffic begin_;
};

}  // namespace simulated_device
