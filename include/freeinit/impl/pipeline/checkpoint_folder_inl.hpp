#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/io/temporary_output_inl.hpp>
#include <freeinit/io/sha256.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/passes/checkpoint.hpp>
#include <freeinit/pipeline/checkpoint_folder.hpp>

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <system_error>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr std::string_view kBundleText = "bundle.";  ///< in front of a file's name
inline constexpr std::string_view kNoteText = "note.";      ///< in front of a note's name

/// Fields that change nothing of what is sampled; more passes are looked at on their own.
inline constexpr std::array<std::string_view, 7> kFreeFields{
    "num_iters",  "num_videos",    "output_fps",      "decode_chunk_size",
    "vae_tiling", "vae_tile_size", "vae_tile_overlap"};

[[noreturn]] FREEINIT_INLINE void refuse_checkpoint(ErrorCode code,
                                                    const std::filesystem::path& path,
                                                    const std::string& what) {
  raise(code, "checkpoint '" + path.string() + "': " + what);
}

FREEINIT_INLINE std::string random_name() {
  std::random_device random;
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x%08x", random(), random());
  return digits.data();
}

FREEINIT_INLINE std::string shown_value(const std::optional<FieldValue>& value) {
  return value ? quote(field_text(*value)) : "(none)";
}

/// `begun`: passes that are not taken back.
FREEINIT_INLINE void check_other_passes(const FreeInitOptions& kept, std::int64_t wanted,
                                        std::int64_t begun) {
  const auto refuse = [&](const std::string& why) {
    raise(ErrorCode::invalid_argument,
          concat("num_iters '", wanted, "': the kept run has ", kept.num_iters, " passes, ", why));
  };
  if (wanted < begun) {
    refuse(concat("and none that was begun is taken back; expected ", begun, " or more"));
  }
  if (wanted == kept.num_iters) return;
  if (kept.fast_sampling) refuse("whose steps depend on their number (fast_sampling)");
  if (kept.intermediate.result != IntermediateResult::full) {
    refuse("of which the last is longer than the others (intermediate)");
  }
  if (kept.budget_calls) refuse("which share a budget of calls (budget_calls)");
}

FREEINIT_INLINE void add_defined(std::map<std::string, at::Tensor>& tensors, const char* name,
                                 const at::Tensor& tensor) {
  if (tensor.defined()) tensors[name] = tensor;
}

/// The texts whose names begin so, without that.
FREEINIT_INLINE std::map<std::string, std::string> texts_of(const Checkpoint& checkpoint,
                                                            std::string_view begin) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, text] : checkpoint.texts) {
    if (name.starts_with(begin)) texts[name.substr(begin.size())] = text;
  }
  return texts;
}

FREEINIT_INLINE const std::string& text_of(const Checkpoint& checkpoint, const char* name,
                                           const std::filesystem::path& path) {
  const auto found = checkpoint.texts.find(name);
  if (found != checkpoint.texts.end()) return found->second;
  refuse_checkpoint(ErrorCode::invalid_file, path, concat("has no text '", name, "'"));
}

FREEINIT_INLINE at::Tensor tensor_of(const Checkpoint& checkpoint, const char* name) {
  const auto found = checkpoint.tensors.find(name);
  return found == checkpoint.tensors.end() ? at::Tensor() : found->second;
}

FREEINIT_INLINE GenerationRequest request_of(const Checkpoint& checkpoint,
                                             const std::filesystem::path& path) {
  try {
    GenerationRequest request = request_from_json(text_of(checkpoint, "request", path));
    request.validate();
    return request;
  } catch (const Error& error) {
    refuse_checkpoint(ErrorCode::invalid_file, path, error.what());
  }
}

FREEINIT_INLINE std::string hash_of(const std::map<std::string, std::string>& hashes,
                                    const std::string& name) {
  const auto found = hashes.find(name);
  return found == hashes.end() ? "not there" : found->second;
}

}  // namespace detail

FREEINIT_INLINE std::map<std::string, std::string> bundle_hashes(
    const std::filesystem::path& bundle, const Manifest& manifest) {
  std::map<std::string, std::string> hashes;
  for (const auto& [name, record] : manifest.files) hashes[name] = record.sha256;
  hashes["manifest.json"] = sha256_of_file(bundle / "manifest.json");
  return hashes;
}

FREEINIT_INLINE void check_continued_request(const GenerationRequest& kept,
                                             const GenerationRequest& wanted,
                                             std::optional<std::int64_t> passes_begun) {
  // Through the text of a record, so that both have lost the bytes that it cannot hold.
  const GenerationRequest before = request_from_json(request_to_json(kept));
  const GenerationRequest now = request_from_json(request_to_json(wanted));
  for (const RequestField& field : request_fields()) {
    const auto& free = detail::kFreeFields;
    if (std::find(free.begin(), free.end(), field.name) != free.end()) continue;
    const auto was = field.get(before);
    const auto is = field.get(now);
    if (was == is) continue;
    raise(ErrorCode::invalid_argument,
          concat(field.name, " ", detail::shown_value(is), ": the run was kept with ",
                 detail::shown_value(was), "; expected the same, or a new run"));
  }
  detail::check_other_passes(before.free_init, now.free_init.num_iters,
                             passes_begun.value_or(before.free_init.num_iters));
}

FREEINIT_INLINE CheckpointFolder::CheckpointFolder(std::filesystem::path folder)
    : folder_(std::move(folder)) {}

FREEINIT_INLINE bool CheckpointFolder::holds_run(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "run.safetensors", ignored);
}

FREEINIT_INLINE std::filesystem::path CheckpointFolder::video_path(std::int64_t video) const {
  return folder_ / concat("video_", video, ".safetensors");
}

FREEINIT_INLINE CheckpointFolder CheckpointFolder::create(const std::filesystem::path& folder,
                                                          RunRecord record) {
  std::error_code failure;
  if (std::filesystem::is_regular_file(folder, failure)) {
    detail::refuse_checkpoint(ErrorCode::io, folder, "is a file; expected a folder");
  }
  std::filesystem::create_directory(folder, failure);
  std::error_code unknown;
  if (!std::filesystem::is_directory(folder, unknown)) {
    detail::refuse_checkpoint(ErrorCode::io, folder, "no folder (" + failure.message() + ")");
  }
  detail::remove_left_behind(folder);
  CheckpointFolder made(folder);
  made.record_ = std::move(record);
  made.run_ = detail::random_name();
  // First the record: states of a run of another name count as none.
  made.write_record();
  for (std::int64_t video = 0; std::filesystem::remove(made.video_path(video), failure);) ++video;
  return made;
}

FREEINIT_INLINE void CheckpointFolder::write_record() const {
  Checkpoint checkpoint{.texts = {{"run", run_},
                                  {"version", FREEINIT_VERSION},
                                  {"request", request_to_json(record_.request)}}};
  const auto add = [&](std::string_view begin, const std::map<std::string, std::string>& texts) {
    for (const auto& [name, text] : texts) checkpoint.texts[std::string(begin) + name] = text;
  };
  add(detail::kBundleText, record_.bundle);
  add(detail::kNoteText, record_.notes);
  detail::add_defined(checkpoint.tensors, "initial_noise", record_.inputs.initial_noise);
  detail::add_defined(checkpoint.tensors, "video_latents", record_.inputs.video_latents);
  detail::add_defined(checkpoint.tensors, "filter_mask", record_.inputs.filter_mask);
  checkpoint.write(folder_ / "run.safetensors");
}

FREEINIT_INLINE CheckpointFolder CheckpointFolder::open(const std::filesystem::path& folder) {
  const auto file = folder / "run.safetensors";
  if (!holds_run(folder)) {
    detail::refuse_checkpoint(ErrorCode::not_found, folder,
                              "no run in it; expected the folder of a run that was kept");
  }
  const Checkpoint checkpoint = Checkpoint::read(file);
  const std::string& version = detail::text_of(checkpoint, "version", file);
  if (version != FREEINIT_VERSION) {
    detail::refuse_checkpoint(
        ErrorCode::unsupported, file,
        concat("made by freeinit ", quote(version), "; expected ", FREEINIT_VERSION));
  }
  detail::remove_left_behind(folder);
  CheckpointFolder opened(folder);
  opened.run_ = detail::text_of(checkpoint, "run", file);
  opened.record_ = {.request = detail::request_of(checkpoint, file),
                    .inputs = {.initial_noise = detail::tensor_of(checkpoint, "initial_noise"),
                               .video_latents = detail::tensor_of(checkpoint, "video_latents"),
                               .filter_mask = detail::tensor_of(checkpoint, "filter_mask")},
                    .bundle = detail::texts_of(checkpoint, detail::kBundleText),
                    .notes = detail::texts_of(checkpoint, detail::kNoteText)};
  return opened;
}

FREEINIT_INLINE void CheckpointFolder::check_bundle(
    const std::map<std::string, std::string>& hashes) const {
  std::map<std::string, std::string> all = hashes;
  all.insert(record_.bundle.begin(), record_.bundle.end());
  for (const auto& [name, ignored] : all) {
    const std::string before = detail::hash_of(record_.bundle, name);
    const std::string now = detail::hash_of(hashes, name);
    if (now == before) continue;
    detail::refuse_checkpoint(
        ErrorCode::invalid_argument, folder_,
        concat("made with another bundle: ", quote(name), " is '", now.substr(0, 16),
               "'; expected '", before.substr(0, 16), "'"));
  }
}

FREEINIT_INLINE void CheckpointFolder::check_request(const GenerationRequest& request) const {
  request.validate();  // a number of videos that can be gone through
  std::int64_t begun = 0;
  for (std::int64_t video = 0; video < request.num_videos; ++video) {
    const std::optional<VideoState> state = read(video);
    if (!state) continue;
    // A pass that runs has drawn of the generator: without it more passes would be others later.
    const bool runs = state->run.sample.latents.defined();
    begun = std::max<std::int64_t>(begun, state->run.pass + (runs ? 1 : 0));
  }
  check_continued_request(record_.request, request, begun);
}

FREEINIT_INLINE void CheckpointFolder::set_request(const GenerationRequest& request) {
  check_request(request);
  CheckpointFolder changed = *this;
  changed.record_.request = request;
  changed.write_record();
  record_.request = request;  // what is on the disk
}

FREEINIT_INLINE void CheckpointFolder::write(const VideoState& state) const {
  Checkpoint checkpoint{.tensors = state_to_tensors(state.run), .texts = {{"run", run_}}};
  checkpoint.tensors["video"] = at::tensor(
      std::vector<std::int64_t>{state.video, state.inversion_calls, state.done ? 1 : 0}, at::kLong);
  checkpoint.write(video_path(state.video));
}

FREEINIT_INLINE std::optional<VideoState> CheckpointFolder::read(std::int64_t video,
                                                                 at::Device device) const {
  const auto file = video_path(video);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  Checkpoint checkpoint = Checkpoint::read(file);
  if (detail::text_of(checkpoint, "run", file) != run_) return std::nullopt;  // an earlier run's
  const at::Tensor numbers = detail::tensor_of(checkpoint, "video");
  checkpoint.tensors.erase("video");
  const bool fits = numbers.defined() && numbers.scalar_type() == at::kLong && numbers.numel() == 3;
  const auto* number = fits ? numbers.const_data_ptr<std::int64_t>() : nullptr;
  if (!fits || number[0] != video || number[1] < 0) {
    detail::refuse_checkpoint(ErrorCode::invalid_file, file,
                              concat("does not say where video ", video, " stands"));
  }
  return VideoState{.video = video,
                    .run = state_from_tensors(checkpoint.tensors, device),
                    .inversion_calls = number[1],
                    .done = number[2] != 0};
}

FREEINIT_INLINE void CheckpointFolder::add_to(GenerationHooks& hooks, at::Device device) const {
  hooks.on_checkpoint = [this](const VideoState& state) { write(state); };
  hooks.resume = [this, device](std::int64_t video) { return read(video, device); };
}

}  // namespace freeinit::inline FREEINIT_ABI
