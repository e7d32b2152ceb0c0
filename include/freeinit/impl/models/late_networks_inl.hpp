#pragma once

// Networks that are read when they are first needed and can be let go: BundleOptions::low_memory.

#include <freeinit/models/autoencoder.hpp>
#include <freeinit/models/text_encoder.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A network behind its loader. Calls that run keep the network they began with.
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
    network_.reset();
  }

 private:
  Loader load_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Network> network_;
};

class LateTextEncoder final : public TextEncoder {
 public:
  explicit LateTextEncoder(LateNetwork<TextEncoder>::Loader load) : network_(std::move(load)) {}

  [[nodiscard]] at::Tensor encode(const at::Tensor& ids) const override {
    return network_.get()->encode(ids);
  }
  void release() const noexcept override { network_.release(); }

 private:
  LateNetwork<TextEncoder> network_;
};

class LateAutoencoder final : public Autoencoder {
 public:
  LateAutoencoder(LateNetwork<Autoencoder>::Loader load, AutoencoderSpec spec)
      : network_(std::move(load)), spec_(std::move(spec)) {}

  [[nodiscard]] at::Tensor decode(const at::Tensor& latents) const override {
    return network_.get()->decode(latents);
  }
  [[nodiscard]] at::Tensor encode(const at::Tensor& images) const override {
    return network_.get()->encode(images);
  }
  [[nodiscard]] const AutoencoderSpec& spec() const noexcept override { return spec_; }
  void release() const noexcept override { network_.release(); }

 private:
  LateNetwork<Autoencoder> network_;
  AutoencoderSpec spec_;
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
