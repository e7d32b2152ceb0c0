#pragma once

// Networks that are read when they are first needed and can be let go: BundleOptions::low_memory.

#include <freeinit/impl/networks/late_network_inl.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/networks/text_encoder.hpp>

#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

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
