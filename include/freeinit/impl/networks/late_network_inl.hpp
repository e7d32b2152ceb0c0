#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/freed_memory.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A network behind its loader, read when it is first needed. Calls that run keep the network they
/// began with.
template <class Network>
class LateNetwork {
 public:
  using Loader = std::function<std::unique_ptr<const Network>()>;

  explicit LateNetwork(Loader load) : load_(std::move(load)) {}

  [[nodiscard]] std::shared_ptr<const Network> get() const {
    const std::lock_guard lock(mutex_);
    if (!network_) network_ = load_();
    return network_;
  }
  void release() const noexcept {
    const std::lock_guard lock(mutex_);
    if (!network_) return;
    network_.reset();
    give_back_freed_memory();
  }

 private:
  Loader load_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Network> network_;
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
