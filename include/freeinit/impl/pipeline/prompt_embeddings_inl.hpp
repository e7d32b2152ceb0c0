#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/networks/conditioning.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/options/generation_request.hpp>
#include <freeinit/text/mend_text.hpp>
#include <freeinit/text/prompt_notes.hpp>

#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The embeddings of a run, each [1,L,D]; `negative` is undefined without guidance.
struct PromptEmbeddings {
  Conditioning positive;
  at::Tensor negative;
};

/// 'a', 'b' and 3 more
FREEINIT_INLINE std::string quoted_few(const std::vector<std::string>& texts) {
  constexpr std::size_t kMost = 5;
  std::string list;
  for (std::size_t i = 0; i < std::min(texts.size(), kMost); ++i) {
    list += (i == 0 ? "'" : ", '") + excerpt(texts[i], 40) + "'";
  }
  if (texts.size() > kMost) list += c10::str(" and ", texts.size() - kMost, " more");
  return list;
}

/// Warns of what the model reads otherwise than the prompt's author may think.
FREEINIT_INLINE void note_foreign_text(const ModelBundle& bundle, const std::string& name,
                                       const std::string& text, const RunControl& control) {
  const auto warn = [&](const std::vector<std::string>& pieces, const std::string& what) {
    if (pieces.empty()) return;
    control.message(LogLevel::warning, name + ": " + quoted_few(pieces) + what);
  };
  const auto has_token = [&bundle](const std::string& piece) {
    return bundle.tokenizer().has_token(piece);
  };
  if (valid_utf8(text) != text) {
    control.message(LogLevel::warning, name + ": bytes that are no UTF-8 are read as U+FFFD");
  }
  auto syntax = foreign_syntax(text);
  std::erase_if(syntax, has_token);
  warn(syntax,
       ": read as text; weights and BREAK have no meaning here, LoRAs and embeddings are "
       "given to freeinit-export");
  auto embeddings = embedding_names(text);
  std::erase_if(embeddings, has_token);
  warn(embeddings,
       ": the name of an embedding that this bundle lacks, read as text; embeddings are "
       "given to freeinit-export");
  const auto& words = bundle.manifest().tokenizer.words;
  if (words.empty()) return;
  warn(unknown_words(text, words),
       ": not among the words that this model knows: " + excerpt(c10::Join(", ", words), 400));
}

/// One text -> [1,L,D] in the UNet's dtype, on the device. Texts are encoded one at a time: the
/// numbers of a batch of two would differ from diffusers'.
FREEINIT_INLINE at::Tensor encode_text(const ModelBundle& bundle, const std::string& name,
                                       const std::string& text, const RunControl& control) {
  note_foreign_text(bundle, name, text, control);
  const TokenizedPrompt prompt = bundle.tokenizer().encode(text);
  if (prompt.truncated_tokens > 0) {
    control.message(LogLevel::warning,
                    c10::str(name, ": longer than ", prompt.ids.size(), " tokens; the last ",
                             prompt.truncated_tokens, " are cut off, from '",
                             excerpt(prompt.truncated_text, 60), "' on"));
  }
  const at::Tensor ids = at::tensor(prompt.ids, at::kLong).unsqueeze(0);
  return bundle.text_encoder()->encode(ids).to(bundle.device(), bundle.dtype());
}

/// The texts of a clip by frame: `prompt_at`, and the prompt where it says nothing of frame 0.
FREEINIT_INLINE std::map<std::int64_t, std::string> texts_by_frame(
    const GenerationRequest& request) {
  std::map<std::int64_t, std::string> texts;
  for (const auto& [frame, text] : request.prompt_at) texts.emplace(frame, text);
  texts.emplace(0, request.prompt);
  return texts;
}

/// Texts become embeddings, one after another.
class PromptEncoder {
 public:
  PromptEncoder(const ModelBundle& bundle, const GenerationRequest& request, int num_texts,
                const RunControl& control)
      : bundle_(bundle), request_(request), num_texts_(num_texts), control_(control) {}

  [[nodiscard]] at::Tensor operator()(const std::string& name, const std::string& text) {
    at::Tensor embedding =
        encode_text(bundle_, name, request_.mend_text ? mend_text(text) : text, control_);
    control_.report({.phase = Phase::encode, .step = ++done_, .num_steps = num_texts_});
    return embedding;
  }

 private:
  const ModelBundle& bundle_;
  const GenerationRequest& request_;
  int num_texts_;
  const RunControl& control_;
  int done_ = 0;
};

FREEINIT_INLINE PromptEmbeddings encode_prompts(const ModelBundle& bundle,
                                                const GenerationRequest& request,
                                                const RunControl& control) {
  const auto texts = texts_by_frame(request);
  const bool guided = request.guidance_scale > 1.0;
  const bool has_negative = guided && request.negative_prompt != texts.at(0);
  PromptEncoder encode(bundle, request, static_cast<int>(texts.size()) + (has_negative ? 1 : 0),
                       control);
  std::vector<KeyText> keys;
  for (const auto& [frame, text] : texts) {
    keys.push_back(
        {frame, encode(frame == 0 ? "prompt" : c10::str("prompt at frame ", frame), text)});
  }
  const at::Tensor first = keys.front().text;
  // The clip goes on with its first frame, so its text must come back to that of frame 0.
  if (keys.size() > 1 && request.context.closed_loop) keys.push_back({request.num_frames, first});
  PromptEmbeddings embeddings{.positive = Conditioning(std::move(keys)), .negative = {}};
  if (!guided) return embeddings;
  embeddings.negative = has_negative ? encode("negative prompt", request.negative_prompt) : first;
  return embeddings;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
