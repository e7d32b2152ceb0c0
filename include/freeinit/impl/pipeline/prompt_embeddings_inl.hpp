#pragma once

#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/options/generation_request.hpp>

#include <ATen/ops/tensor.h>

#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The two embeddings of a run [1,L,D]; `negative` is undefined without guidance.
struct PromptEmbeddings {
  at::Tensor positive;
  at::Tensor negative;
};

/// One text -> [1,L,D] in the UNet's dtype, on the device. Texts are encoded one at a time: the
/// numbers of a batch of two would differ from diffusers'.
FREEINIT_INLINE at::Tensor encode_text(const ModelBundle& bundle, const std::string& name,
                                       const std::string& text, const RunControl& control) {
  const TokenizedPrompt prompt = bundle.tokenizer().encode(text);
  if (!prompt.truncated_text.empty()) {
    control.message(LogLevel::warning, name + ": longer than " + std::to_string(prompt.ids.size()) +
                                           " tokens; cut off: '" + prompt.truncated_text + "'");
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
  embeddings.positive = encode_text(bundle, "prompt", request.prompt, control);
  control.report({.phase = Phase::encode, .step = 1, .num_steps = num_texts});
  if (!guided) return embeddings;
  embeddings.negative = embeddings.positive;
  if (num_texts == 2) {
    embeddings.negative = encode_text(bundle, "negative prompt", request.negative_prompt, control);
    control.report({.phase = Phase::encode, .step = 2, .num_steps = 2});
  }
  return embeddings;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
