#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/device.hpp>

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/StringUtil.h>

#include <charconv>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE void check_device(at::Device device) {
  if (device.is_cpu()) return;
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::unsupported, "device '" + device.str() + "': " + reason);
  };
  if (!c10::impl::hasDeviceGuardImpl(device.type())) {
    refuse("this LibTorch is built without it; use 'cpu'");
  }
  const auto count = c10::impl::getDeviceGuardImpl(device.type())->deviceCount();
  if (count == 0) refuse("this machine has none; use 'cpu'");
  if (device.has_index() && device.index() >= count) {
    refuse(c10::str("there are ", static_cast<int>(count), ", numbered from 0"));
  }
}

FREEINIT_INLINE at::Device device_from_string(const std::string& name) {
  const auto refuse = [&]() {
    raise(ErrorCode::invalid_argument,
          "device '" + name + "': unknown; expected cpu, cuda or cuda:N");
  };
  at::Device device(at::kCPU);
  if (name == "cuda") {
    device = at::Device(at::kCUDA, 0);
  } else if (constexpr std::string_view prefix = "cuda:"; name.starts_with(prefix)) {
    int index = -1;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, index);
    if (error != std::errc() || stop != end || index < 0 || index > 127) refuse();
    device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  } else if (name != "cpu") {
    refuse();
  }
  check_device(device);
  return device;
}

}  // namespace freeinit::inline FREEINIT_ABI
