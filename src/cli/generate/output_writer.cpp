#include "generate/output_writer.hpp"

#include "shared/comfy_latents.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/latent_rgb.hpp>
#include <freeinit/tensors/tensor_file.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <exception>
#include <span>
#include <system_error>
#include <utility>

namespace freeinit_cli {
namespace {

/// Whether the exception that is being handled is a stop.
bool is_stop() {
  try {
    throw;
  } catch (const freeinit::Error& error) {
    return error.code() == freeinit::ErrorCode::cancelled;
  } catch (...) {
    return false;
  }
}

}  // namespace

OutputWriter::OutputWriter(OutputPlan plan, const freeinit::Autoencoder& autoencoder,
                           WriterOptions options)
    : plan_(std::move(plan)), autoencoder_(autoencoder), options_(std::move(options)) {}

freeinit::GenerationHooks OutputWriter::hooks() {
  freeinit::GenerationHooks hooks;
  hooks.decode = false;  // frames go to the file as they are decoded
  hooks.on_video = [this](const freeinit::GeneratedVideo& video) { video_done(video); };
  if (!plan_.passes_folder.empty()) {
    hooks.on_noise = [this](const freeinit::RunPoint&, const at::Tensor& noise) {
      pass_noise_ = noise;
    };
  }
  if (plan_.preview_every > 0) {
    hooks.prediction_every = plan_.preview_every;
    hooks.on_prediction = [this](const freeinit::RunPoint& at, const at::Tensor& prediction) {
      show_prediction(at, prediction);
    };
  }
  if (plan_.passes_folder.empty() && plan_.compare.empty()) return hooks;
  hooks.on_pass = [this](const freeinit::RunPoint& at, const at::Tensor& latents) {
    pass_done(at, latents);
  };
  return hooks;
}

void OutputWriter::pass_done(const freeinit::RunPoint& at, const at::Tensor& latents) {
  pass_frames_.reset();  // not those of two passes in memory
  passes_ = at.pass + 1;
  const auto video = static_cast<int>(at.video);
  std::filesystem::path path;
  if (!plan_.passes_folder.empty()) {
    save_pass(at, latents);
    path = plan_.pass_video_path(at.pass, video);
  }
  try {
    pass_frames_ = write_decoded(path, video, latents, /*keep=*/true, nullptr);
  } catch (...) {
    const bool saved = !plan_.passes_folder.empty();
    const auto file = saved ? plan_.pass_latents_path(at.pass, video) : std::filesystem::path();
    if (!is_stop()) leave_latents(video, latents, file);
    throw;
  }
  if (!plan_.compare.empty()) compare_pass(at);
}

void OutputWriter::show_prediction(const freeinit::RunPoint& at, const at::Tensor& prediction) {
  constexpr std::int64_t kLargest = 768;  // latents have no more to show, and it is written often
  const Stopwatch drawing;
  const at::Tensor frames = freeinit::latents_to_rgb(prediction, options_.latent_rgb)[0];
  ContactSheet sheet(frames.size(0), frame_size(prediction), kLargest);
  sheet.add(freeinit::frame_bytes(frames));
  sheet.write(plan_.preview_path(static_cast<int>(at.video)));
  seconds_[freeinit::Phase::write] += drawing.seconds();
}

void OutputWriter::save_pass(const freeinit::RunPoint& at, const at::Tensor& latents) {
  const auto video = static_cast<int>(at.video);
  // A resumed run adds to the passes of its earlier part.
  const bool is_first = at.pass == 0 && video == 0;
  if (!std::exchange(passes_begun_, true)) plan_.make_passes_folder(is_first);
  if (pass_noise_.defined()) {
    write_tensor(plan_.pass_noise_path(at.pass, video), "noise", pass_noise_);
    pass_noise_.reset();
  }
  write_tensor(plan_.pass_latents_path(at.pass, video), "latents", latents);
}

void OutputWriter::compare_pass(const freeinit::RunPoint& at) {
  const Stopwatch shrinking;
  if (!comparison_) {
    comparison_.emplace(plan_.compare_path(static_cast<int>(at.video)), options_.num_passes,
                        pass_frames_.size(0),
                        freeinit::ImageSize{pass_frames_.size(1), pass_frames_.size(2)});
  }
  comparison_->add(at.pass, freeinit::frame_bytes(pass_frames_, options_.profile));
  seconds_[freeinit::Phase::write] += shrinking.seconds();
}

void OutputWriter::write_comparison(int index) {
  std::map<std::string, std::string> metadata;
  if (options_.video_metadata) metadata = options_.video_metadata(index, passes_);
  metadata.erase("comment");  // `replay` takes what has one for the video itself
  comparison_->write(options_.fps, metadata);
  comparison_.reset();
  say_written(plan_.compare_path(index));
}

void OutputWriter::video_done(const freeinit::GeneratedVideo& video) {
  const auto index = static_cast<int>(video.index);
  passes_ = video.completed_passes;
  if (!plan_.latents.empty()) {
    latents_.push_back(video.latents);
    write_latents();
  }
  std::optional<ContactSheet> sheet;
  if (plan_.has_preview()) sheet.emplace(video.latents.size(2), frame_size(video.latents));
  at::Tensor frames;
  try {
    frames = write_frames(index, video.latents, sheet ? &*sheet : nullptr);
  } catch (...) {
    if (is_stop()) {
      take_back_latents();
    } else {
      leave_latents(index, video.latents, plan_.latents);
    }
    throw;
  }
  const Stopwatch drawing;
  if (sheet) {
    sheet->write(plan_.preview_path(index));
    say_written(plan_.preview_path(index));
  }
  if (comparison_) write_comparison(index);
  seconds_[freeinit::Phase::write] += drawing.seconds();
  ++videos_written_;
  if (freeinit::is_picture_pattern(plan_.frames)) {
    write_pictures(plan_.pictures_path(index), frames);
  } else if (!plan_.frames.empty()) {
    frames_.push_back(frames);
    write_frames_file();
  }
}

at::Tensor OutputWriter::write_frames(int index, const at::Tensor& latents, ContactSheet* sheet) {
  auto path = plan_.video_path(index);
  const bool keep = !plan_.frames.empty();
  at::Tensor frames = std::exchange(pass_frames_, at::Tensor());
  if (plan_.is_written(index)) {
    if (options_.kept) options_.kept(path);
    if (sheet == nullptr) return frames;
    path.clear();
  }
  if (!frames.defined()) return write_decoded(path, index, latents, keep, sheet);
  if (!path.empty()) write_video(path, index, frames);
  if (sheet != nullptr) sheet->add(freeinit::frame_bytes(frames, options_.profile));
  return frames;
}

/// All videos so far, whole or not at all: a later one that fails takes none of them along.
void OutputWriter::write_latents() const {
  if (plan_.latents.extension() != comfy::kExtension) {
    return write_tensor(plan_.latents, "latents", at::cat(latents_));
  }
  freeinit::save_tensors(plan_.latents,
                         comfy::tensors_of(latents_.front(), autoencoder_.spec().scaling_factor));
  say_written(plan_.latents);
}

void OutputWriter::take_back_latents() {
  if (plan_.latents.empty()) return;
  latents_.pop_back();
  if (!latents_.empty()) return write_latents();
  std::error_code ignored;
  const auto file = std::filesystem::symlink_status(plan_.latents, ignored);
  if (std::filesystem::is_regular_file(file)) std::filesystem::remove(plan_.latents, ignored);
}

void OutputWriter::leave_latents(int index, const at::Tensor& latents,
                                 std::filesystem::path file) const {
  if (!options_.left_latents) return;
  try {
    if (file.empty()) {
      file = plan_.free_latents_path(index);
      freeinit::save_tensors(file, {{"latents", latents}}, options_.metadata);
    }
    options_.left_latents(file);
  } catch (const std::exception&) {
    return;  // what failed first is what is said
  }
}

/// As latents.
void OutputWriter::write_frames_file() const {
  const at::Tensor frames = plan_.num_videos == 1 ? frames_.front() : at::stack(frames_);
  write_tensor(plan_.frames, "frames", frames);
}

void OutputWriter::write_pictures(const std::filesystem::path& pattern,
                                  const at::Tensor& frames) const {
  const at::Tensor numbers = frames.to(at::kCPU, at::kFloat).contiguous();
  freeinit::PictureWriter writer(pattern, numbers.size(2), numbers.size(1));
  const auto size = static_cast<std::size_t>(numbers[0].numel());
  for (std::int64_t i = 0; i < numbers.size(0); ++i) {
    writer.add_frame(std::span(numbers.const_data_ptr<float>() + std::size_t(i) * size, size));
  }
  writer.finish();
  say_written(pattern.parent_path() / "");
}

void OutputWriter::write_tensor(const std::filesystem::path& path, const char* name,
                                const at::Tensor& tensor) const {
  freeinit::save_tensors(path, {{name, tensor}}, options_.metadata);
  say_written(path);
}

void OutputWriter::say_written(const std::filesystem::path& path) const {
  if (options_.wrote) options_.wrote(path);
}

at::Tensor OutputWriter::write_decoded(const std::filesystem::path& path, int index,
                                       const at::Tensor& latents, bool keep, ContactSheet* sheet) {
  const Stopwatch whole;
  double writing = 0.0;
  std::vector<at::Tensor> kept;
  freeinit::RunControl control;
  control.progress = options_.progress;
  control.stop = options_.stop;
  const auto size = frame_size(latents);
  std::optional<freeinit::VideoWriter> video;
  if (!path.empty()) video.emplace(open_video(path, index, size.height, size.width));
  const auto add = [&](std::int64_t, std::int64_t first, const at::Tensor& frames) {
    const Stopwatch adding;
    const at::Tensor bytes = freeinit::frame_bytes(frames, options_.profile);
    if (video) add_frames(*video, bytes, first, latents.size(2));
    if (sheet != nullptr) sheet->add(bytes);
    // Numbers only where they are asked for: a long clip is four times as large in them.
    if (keep) kept.push_back(plan_.frames.empty() ? bytes : frames.clone());
    writing += adding.seconds();
  };
  freeinit::decode_video_to(autoencoder_, latents, options_.chunk_size, add, control);
  autoencoder_.release();
  const Stopwatch finishing;
  if (video) {
    video->finish();
    say_written(path);
  }
  writing += finishing.seconds();
  seconds_[freeinit::Phase::write] += writing;
  seconds_[freeinit::Phase::decode] += whole.seconds() - writing;
  return keep ? at::cat(kept) : at::Tensor();
}

void OutputWriter::write_video(const std::filesystem::path& path, int index,
                               const at::Tensor& frames) {
  const Stopwatch writing;
  auto video = open_video(path, index, frames.size(1), frames.size(2));
  add_frames(video, frames, 0, frames.size(0));
  video.finish();
  say_written(path);
  seconds_[freeinit::Phase::write] += writing.seconds();
}

freeinit::ImageSize OutputWriter::frame_size(const at::Tensor& latents) const {
  const std::int64_t scale = autoencoder_.spec().spatial_scale;
  return {latents.size(3) * scale, latents.size(4) * scale};
}

freeinit::VideoWriter OutputWriter::open_video(const std::filesystem::path& path, int index,
                                               std::int64_t height, std::int64_t width) const {
  freeinit::VideoWriterOptions options{.width = width, .height = height, .fps = options_.fps};
  if (options_.video_metadata) options.metadata = options_.video_metadata(index, passes_);
  return freeinit::VideoWriter(path, options);
}

void OutputWriter::add_frames(freeinit::VideoWriter& video, const at::Tensor& frames,
                              std::int64_t first, std::int64_t count) const {
  const at::Tensor bytes = freeinit::frame_bytes(frames, options_.profile);
  const auto frame_bytes = static_cast<std::size_t>(bytes.numel() / bytes.size(0));
  const auto* data = bytes.const_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    if (options_.stop.stop_requested()) {
      freeinit::raise(freeinit::ErrorCode::cancelled, "writing: stopped");
    }
    video.add_frame(std::span(data + static_cast<std::size_t>(i) * frame_bytes, frame_bytes));
    if (options_.progress) {
      options_.progress({.phase = freeinit::Phase::write,
                         .step = static_cast<int>(first + i + 1),
                         .num_steps = static_cast<int>(count)});
    }
  }
}

}  // namespace freeinit_cli
