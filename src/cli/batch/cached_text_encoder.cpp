#include "batch/cached_text_encoder.hpp"

#include <algorithm>

namespace freeinit_cli {
namespace {

constexpr std::size_t kMostEntries = 64;  // 20 MiB of the largest encoders in use

}  // namespace

CachedTextEncoder::CachedTextEncoder(std::shared_ptr<const freeinit::TextEncoder> encoder)
    : encoder_(std::move(encoder)) {}

at::Tensor CachedTextEncoder::encode(const at::Tensor& ids) const {
  if (ids.size(0) != 1) return encoder_->encode(ids);
  const at::Tensor row = ids.cpu().contiguous();
  const auto* first = row.const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> key(first, first + row.numel());
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&key](const Entry& entry) { return entry.ids == key; });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
  } else {
    at::Tensor embedding = encoder_->encode(ids);
    entries_.push_front({std::move(key), std::move(embedding)});
    if (entries_.size() > kMostEntries) entries_.pop_back();
  }
  return entries_.front().embedding;
}

void CachedTextEncoder::release() const noexcept {
  encoder_->release();
}

}  // namespace freeinit_cli
