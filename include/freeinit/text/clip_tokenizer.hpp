#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Settings of a CLIP tokenizer, as a bundle's manifest records them.
struct ClipTokenizerOptions {
  std::int64_t max_length = 77;       ///< ids per prompt, begin and end included
  std::int64_t bos_token_id = 49406;  ///< `<|startoftext|>`
  std::int64_t eos_token_id = 49407;  ///< `<|endoftext|>`
  std::int64_t pad_token_id = 49407;  ///< CLIP ViT-L pads with the end token, OpenCLIP with 0
  std::int64_t unk_token_id = 49407;  ///< for a symbol the vocabulary lacks
  /// Whether the padding token's spelling inside a prompt means that token, as in Hugging Face.
  /// Where it is "!", id 0, open_clip takes it for text: false.
  bool match_pad_token = true;
};

/// One prompt as the text encoder wants it.
struct TokenizedPrompt {
  std::vector<std::int64_t> ids;      ///< exactly `max_length` ids: begin, text, end, padding
  std::int64_t num_tokens = 0;        ///< ids before the padding, begin and end included
  std::string truncated_text;         ///< the normalised text that did not fit; empty when all did
  std::int64_t truncated_tokens = 0;  ///< ids that did not fit
};

/// CLIP's byte-level BPE tokenizer, equal to Hugging Face's `CLIPTokenizer` on any Unicode input:
/// NFC, white space, lower case (utf8proc), the CLIP pattern (PCRE2 with Unicode properties), then
/// byte-level BPE over `vocab.json` and `merges.txt`. Words of textual inversions stand in
/// `added_tokens.json`: one of several vectors becomes all its ids, as in diffusers. Immutable and
/// safe to share between threads. One that was moved from throws Error: invalid_argument.
class FREEINIT_API ClipTokenizer {
 public:
  /// Reads `vocab.json`, `merges.txt` and, where it stands beside `vocab.json`,
  /// `added_tokens.json`, in the format of Hugging Face.
  /// Throws Error: not_found, invalid_file (malformed file, a merge whose result has no id).
  ClipTokenizer(const std::filesystem::path& vocab_json, const std::filesystem::path& merges_txt,
                const ClipTokenizerOptions& options = {});
  ~ClipTokenizer();
  ClipTokenizer(ClipTokenizer&&) noexcept;
  ClipTokenizer& operator=(ClipTokenizer&&) noexcept;

  /// Ids of `text` alone: no begin, no end, no padding, any length. Invalid UTF-8 is read with
  /// U+FFFD in place of each broken part.
  [[nodiscard]] std::vector<std::int64_t> tokenize(std::string_view text) const;

  /// Ids as `CLIPTokenizer(text, padding="max_length", truncation=True)` gives them.
  [[nodiscard]] TokenizedPrompt encode(std::string_view text) const;

  /// Whether `spelling` inside a prompt means a token of its own (begin, end, padding), not what
  /// its letters make.
  [[nodiscard]] bool has_token(std::string_view spelling) const;

  /// The settings that it was made with.
  [[nodiscard]] const ClipTokenizerOptions& options() const;

 private:
  struct Data;
  [[nodiscard]] const Data& data() const;

  std::unique_ptr<const Data> data_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/text/clip_tokenizer_inl.hpp>
#endif
