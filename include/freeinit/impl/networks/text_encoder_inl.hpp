#pragma once

#include <freeinit/impl/networks/torchscript_module_inl.hpp>
#include <freeinit/networks/text_encoder.hpp>

#include <c10/util/StringUtil.h>

#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

class TorchScriptTextEncoder final : public TextEncoder {
 public:
  TorchScriptTextEncoder(TorchScriptModule module, TextEncoderSpec spec)
      : module_(std::move(module)), spec_(std::move(spec)) {}

  [[nodiscard]] at::Tensor encode(const at::Tensor& ids) const override {
    if (ids.dim() != 2 || ids.scalar_type() != at::kLong || ids.size(0) < 1 || ids.size(1) < 1 ||
        ids.size(1) > spec_.max_length) {
      raise(ErrorCode::invalid_argument,
            c10::str("token ids ", ids.sizes(), " of ", c10::toString(ids.scalar_type()),
                     ": expected int64 [batch, 1 to ", spec_.max_length, "]"));
    }
    const at::Tensor text = module_({ids.to(module_.device())});
    check_network_output(module_, text, {ids.size(0), ids.size(1), spec_.width});
    return text;
  }

 private:
  TorchScriptModule module_;
  TextEncoderSpec spec_;
};

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const TextEncoder> load_torchscript_text_encoder(
    const NetworkSource& source, const TextEncoderSpec& spec) {
  detail::TorchScriptModule module({.source = source, .inputs = {"ids"}, .dtype = spec.dtype});
  return std::make_unique<const detail::TorchScriptTextEncoder>(std::move(module), spec);
}

}  // namespace freeinit::inline FREEINIT_ABI
