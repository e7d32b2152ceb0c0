#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/options/context_options_inl.hpp>
#include <freeinit/impl/options/field_access_inl.hpp>

// The rows of long clips: windows, their noise, and texts that travel.
namespace freeinit::inline FREEINIT_ABI::detail {

/// FRAME:TEXT
[[nodiscard]] FREEINIT_INLINE PromptKey prompt_key_from_text(const RequestField& field,
                                                             std::string_view text) {
  const std::size_t end = text.find(':');
  const auto frame = number_from_text<std::int64_t>(text.substr(0, end));
  if (end == text.npos || !frame) refuse_field(field, text, field.type);
  return {.frame = std::get<std::int64_t>(*frame), .text = std::string(text.substr(end + 1))};
}

FREEINIT_INLINE void add_prompt_travel_field(std::vector<RequestField>& fields,
                                             std::string_view group) {
  const RequestField row{
      "prompt_at",
      "FRAME:TEXT",
      "frame",
      "The text at this frame; from one to the next it changes gradually. May be "
      "given several times",
      "frames of the clip, from 0",
      group};
  fields.push_back(with_access(
      row,
      [](const GenerationRequest& request) -> std::optional<std::vector<std::string>> {
        std::vector<std::string> texts;
        for (const auto& [frame, text] : request.prompt_at) {
          texts.push_back(concat(frame, ":", text));
        }
        if (texts.empty()) return std::nullopt;
        return texts;
      },
      [row](GenerationRequest& request, const std::vector<std::string>& texts) {
        request.prompt_at.clear();
        for (const std::string& text : texts) {
          request.prompt_at.push_back(prompt_key_from_text(row, text));
        }
      }));
}

FREEINIT_INLINE void add_context_fields(std::vector<RequestField>& fields) {
  constexpr std::string_view kGroup = "Long clips";
  const auto add = rows_under(fields, kGroup, &GenerationRequest::context);
  add({"context_length", "N", "frames",
       "Frames that the network sees at once; longer clips are made of overlapping windows. "
       "Without it the model's own number, for clips longer than its longest",
       "1 to 1000000"},
      &ContextOptions::length);
  add({"context_overlap", "N", "frames",
       "Frames that neighbouring windows share; without it a quarter of a window",
       "0 to the length less 1"},
      &ContextOptions::overlap);
  add({"context_stride", "N", "",
       "uniform: also windows of every 2nd, 4th, ... frame, N kinds of windows in all", "1 to 16"},
      &ContextOptions::stride);
  add({"context_schedule", "NAME", "", "uniform: windows move from step to step; static: they stay",
       listed_names(kContextScheduleNames)},
      &ContextOptions::schedule, context_schedule_from_string);
  add({"context_fuse", "NAME", "",
       "What a frame counts where windows overlap; pyramid: most in the middle of a window",
       listed_names(kFuseMethodNames)},
      &ContextOptions::fuse, fuse_method_from_string);
  add({"closed_loop", "", "", "Windows go on from the last frame to the first: the clip loops", ""},
      &ContextOptions::closed_loop);
  add({"long_noise", "NAME", "",
       "Noise behind the first window; shuffle_context: its frames in another order (FreeNoise)",
       listed_names(kLongNoiseNames)},
      &ContextOptions::noise, long_noise_from_string);
  add_prompt_travel_field(fields, kGroup);
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
