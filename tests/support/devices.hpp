#pragma once

#include <ATen/Context.h>

#include <vector>

/// Where golden cases are run: on the CPU, and on a CUDA device where there is one.
inline std::vector<at::Device> test_devices() {
  std::vector<at::Device> devices{at::kCPU};
  if (at::hasCUDA()) devices.emplace_back(at::kCUDA);
  return devices;
}
