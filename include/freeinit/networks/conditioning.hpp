#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The embedding of the text of one frame.
struct KeyText {
  std::int64_t frame = 0;  ///< of the clip, from 0
  at::Tensor text{};       ///< [B,L,D]
};

/// What a clip is told by text: one embedding for all its frames, or embeddings of key frames with
/// linear interpolation between them (prompt travel). UNets take one embedding a call;
/// `WindowedUNet` gives each window that of its middle.
class FREEINIT_API Conditioning {
 public:
  Conditioning() = default;
  /// `text` [B,L,D] for all frames. Implicit: most clips have one text.
  Conditioning(at::Tensor text);  // NOLINT(google-explicit-constructor)
  /// At least one key, their frames ascending, their texts of one shape. Throws Error:
  /// invalid_argument.
  explicit Conditioning(std::vector<KeyText> keys);

  /// Whether frames have different texts.
  [[nodiscard]] bool travels() const noexcept { return keys_.size() > 1; }

  /// The text of all frames [B,L,D]; undefined if there is none. Throws Error: invalid_argument
  /// where it travels.
  [[nodiscard]] const at::Tensor& single() const;

  /// The text [B,L,D] at a frame, or between two: before the first key and behind the last one it
  /// is theirs; undefined if there is none.
  [[nodiscard]] at::Tensor at_frame(double frame) const;

  /// [negative; text] at every key, the batch of guidance. `negative` [B,L,D]. Throws Error:
  /// invalid_argument (no text, shape).
  [[nodiscard]] Conditioning after(const at::Tensor& negative) const;

 private:
  std::vector<KeyText> keys_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/conditioning_inl.hpp>
#endif
