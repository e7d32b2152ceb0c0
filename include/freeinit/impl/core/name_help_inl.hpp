#pragma once

#include <freeinit/core/name_help.hpp>
#include <freeinit/core/text.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <sstream>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// What diffusers, ComfyUI and the web interfaces of Stable Diffusion call an option of ours.
inline constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"batch-size", "num-videos"},
    {"cfg", "guidance-scale"},
    {"cfg-scale", "guidance-scale"},
    {"checkpoint", "bundle"},
    {"ckpt", "bundle"},
    {"denoise", "strength"},
    {"frame-rate", "fps"},
    {"frames", "num-frames"},
    {"guidance", "guidance-scale"},
    {"iterations", "num-iters"},
    {"iters", "num-iters"},
    {"length", "num-frames"},
    {"model", "bundle"},
    {"num-iterations", "num-iters"},
    {"num-passes", "num-iters"},
    {"out", "output"},
    {"output", "out"},
    {"passes", "num-iters"},
    {"resolution", "height"},
    {"resolution", "width"},
    {"scheduler", "sampler"},
    {"size", "height"},
    {"size", "width"},
    {"steps", "num-inference-steps"},
    {"video-length", "num-frames"}};

FREEINIT_INLINE std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::istringstream text{std::string(name)};
  for (std::string word; std::getline(text, word, '-');) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

/// Whether each word begins one of the others: "neg-prompt" stands in "negative-prompt".
FREEINIT_INLINE bool stand_in(const std::vector<std::string>& words,
                              const std::vector<std::string>& others) {
  constexpr std::size_t kShortest = 3;
  return !words.empty() && std::all_of(words.begin(), words.end(), [&](const auto& word) {
    return word.size() >= kShortest &&
           std::any_of(others.begin(), others.end(),
                       [&word](const auto& other) { return other.starts_with(word); });
  });
}

}  // namespace detail

FREEINIT_INLINE std::string near_name(std::string_view name, const std::set<std::string>& known) {
  constexpr std::size_t kShort = 3, kLongest = 64;
  const std::size_t few = std::max<std::size_t>(2, std::min(name.size(), kLongest) / 5);
  std::string near = nearest_name(name, known, few);
  // Of a short word two letters are most, unless they only changed places.
  const bool is_other = name.size() <= kShort && nearest_name(name, known, 1).empty() &&
                        !std::is_permutation(name.begin(), name.end(), near.begin(), near.end());
  return is_other ? std::string() : near;
}

FREEINIT_INLINE std::vector<std::string> meant_names(std::string_view name,
                                                     const std::set<std::string>& known) {
  std::vector<std::string> names;
  for (const auto& [other, own] : detail::kOtherNames) {
    if (name == other && known.contains(std::string(own))) names.emplace_back(own);
  }
  if (!names.empty()) return names;
  if (std::string near = near_name(name, known); !near.empty()) return {std::move(near)};
  const auto words = detail::words_of(name);
  const auto add = [&](const auto& fits) {
    std::copy_if(known.begin(), known.end(), std::back_inserter(names), fits);
  };
  add([&](const std::string& option) { return detail::stand_in(words, detail::words_of(option)); });
  if (names.empty()) {
    add([&](const std::string& option) {
      return detail::stand_in(detail::words_of(option), words);
    });
  }
  constexpr std::size_t kMost = 3;
  if (names.size() > kMost) names.resize(kMost);
  return names;
}

FREEINIT_INLINE std::string did_you_mean(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    text += (i == 0 ? "; did you mean " : is_last ? " or " : ", ") + ("'" + names[i] + "'");
  }
  return text.empty() ? text : text + "?";
}

}  // namespace freeinit::inline FREEINIT_ABI
