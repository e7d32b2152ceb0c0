#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/conditioning.hpp>

#include <ATen/ops/cat.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_embedding(const char* name, const at::Tensor& text) {
  if (text.defined() && text.dim() == 3) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " ", text.defined() ? c10::str(text.sizes()) : "(none)",
                 ": expected [batch, length, width]"));
}

}  // namespace detail

FREEINIT_INLINE Conditioning::Conditioning(at::Tensor text) {
  if (text.defined()) keys_.push_back({.text = std::move(text)});
}

FREEINIT_INLINE Conditioning::Conditioning(std::vector<KeyText> keys) : keys_(std::move(keys)) {
  if (keys_.empty()) raise(ErrorCode::invalid_argument, "key texts '[]': empty; expected one");
  for (const KeyText& key : keys_) {
    detail::check_embedding("text embedding", key.text);
    if (key.text.sizes() == keys_.front().text.sizes()) continue;
    raise(ErrorCode::invalid_argument,
          c10::str("text embedding ", key.text.sizes(), " at frame ", key.frame,
                   ": expected the shape of the first one, ", keys_.front().text.sizes()));
  }
  for (std::size_t i = 1; i < keys_.size(); ++i) {
    if (keys_[i - 1].frame < keys_[i].frame) continue;
    raise(ErrorCode::invalid_argument, c10::str("key text at frame '", keys_[i].frame,
                                                "': not behind that at ", keys_[i - 1].frame));
  }
}

FREEINIT_INLINE const at::Tensor& Conditioning::single() const {
  static const at::Tensor none;
  if (travels()) {
    raise(ErrorCode::invalid_argument,
          c10::str("text of ", keys_.size(),
                   " key frames: this UNet takes one; expected WindowedUNet in front of it"));
  }
  return keys_.empty() ? none : keys_.front().text;
}

FREEINIT_INLINE at::Tensor Conditioning::at_frame(double frame) const {
  const auto later = std::find_if(keys_.begin(), keys_.end(), [frame](const KeyText& key) {
    return static_cast<double>(key.frame) > frame;
  });
  if (later == keys_.end()) return keys_.empty() ? at::Tensor() : keys_.back().text;
  if (later == keys_.begin()) return later->text;
  const KeyText& before = *std::prev(later);
  const double share = (frame - static_cast<double>(before.frame)) /
                       static_cast<double>(later->frame - before.frame);
  if (share == 0.0) return before.text;
  return before.text.mul(1.0 - share).add_(later->text, share);
}

FREEINIT_INLINE Conditioning Conditioning::after(const at::Tensor& negative) const {
  const at::Tensor text = at_frame(0.0);
  detail::check_embedding("text embedding", text);
  if (!negative.defined() || negative.sizes() != text.sizes()) {
    raise(ErrorCode::invalid_argument,
          c10::str("negative text embedding ",
                   negative.defined() ? c10::str(negative.sizes()) : "(none)",
                   ": expected the shape of the text, ", text.sizes()));
  }
  Conditioning both = *this;
  for (KeyText& key : both.keys_) key.text = at::cat({negative, key.text});
  return both;
}

}  // namespace freeinit::inline FREEINIT_ABI
