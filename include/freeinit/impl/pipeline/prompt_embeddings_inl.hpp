#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/options/generation_request.hpp>
#include <freeinit/text/mend_text.hpp>
#include <freeinit/text/prompt_notes.hpp>

#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The two embeddings of a run [1,L,D]; `negative` is undefined without guidance.
struct PromptEmbeddings {
  at::Tensor positive;
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

FREEINIT_INLINE PromptEmbeddings encode_prompts(const ModelBundle& bundle,
                                                const GenerationRequest& request,
                                                const RunControl& control) {
  const bool guided = request.guidance_scale > 1.0;
  const int num_texts = guided && request.negative_prompt != request.prompt ? 2 : 1;
  PromptEmbeddings embeddings;
  const auto read = [&request](const std::string& text) {
    return request.mend_text ? mend_text(text) : text;
  };
  embeddings.positive = encode_text(bundle, "prompt", read(request.prompt), control);
  control.report({.phase = Phase::encode, .step = 1, .num_steps = num_texts});
  if (!guided) return embeddings;
  embeddings.negative = embeddings.positive;
  if (num_texts == 2) {
    embeddings.negative =
        encode_text(bundle, "negative prompt", read(request.negative_prompt), control);
    control.report({.phase = Phase::encode, .step = 2, .num_steps = 2});
  }
  return embeddings;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
