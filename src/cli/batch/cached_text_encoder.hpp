#pragma once

#include <freeinit/networks/text_encoder.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

namespace freeinit_cli {

/// A text encoder that keeps its last embeddings: jobs of equal prompts encode them once. For one
/// thread.
class CachedTextEncoder : public freeinit::TextEncoder {
 public:
  explicit CachedTextEncoder(std::shared_ptr<const freeinit::TextEncoder> encoder);

  [[nodiscard]] at::Tensor encode(const at::Tensor& ids) const override;
  void release() const noexcept override;

 private:
  struct Entry {
    std::vector<std::int64_t> ids;
    at::Tensor embedding;
  };

  std::shared_ptr<const freeinit::TextEncoder> encoder_;
  mutable std::list<Entry> entries_;  ///< the last used one first
};

}  // namespace freeinit_cli
