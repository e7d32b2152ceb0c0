#include "generate/pass_comparison.hpp"

#include "shared/error_report.hpp"

#include <freeinit/io/video_file.hpp>

#include <ATen/ops/tensor.h>

#include <utility>

namespace freeinit_cli {
namespace {

constexpr std::int64_t kMostPasses = 64;  // of a tile much is left then
constexpr std::int64_t kColumns = 8;
constexpr freeinit::ImageSize kLargestPicture{8192, 2048};
constexpr freeinit::ImageSize kLargestVideo{4096, 4096};  // what players take

std::string label_of(std::int64_t pass) {
  return "pass " + std::to_string(pass + 1);
}

FrameGrid grid_of(bool is_picture, std::int64_t num_passes, std::size_t frames,
                  freeinit::ImageSize frame) {
  const std::string longest = label_of(num_passes - 1);
  const auto columns = static_cast<std::int64_t>(frames);
  return is_picture ? FrameGrid({num_passes, columns}, frame, kLargestPicture, longest)
                    : FrameGrid({1, num_passes}, frame, kLargestVideo, longest);
}

}  // namespace

PassComparison::PassComparison(std::filesystem::path path, std::int64_t num_passes,
                               std::int64_t num_frames, freeinit::ImageSize frame)
    : path_(std::move(path)),
      is_picture_(path_.extension() == ".png"),
      chosen_(evenly_chosen(num_frames, is_picture_ ? kColumns : num_frames)),
      grid_(grid_of(is_picture_, num_passes, chosen_.size(), frame)) {
  if (num_passes <= kMostPasses) return;
  refuse("comparison '" + path_.string() + "': " + std::to_string(num_passes) +
         " passes; expected at most " + std::to_string(kMostPasses));
}

void PassComparison::check(double fps) const {
  if (is_picture_) return;
  freeinit::check_video_writer(
      path_, {.width = grid_.size().width, .height = grid_.size().height, .fps = fps});
}

std::int64_t PassComparison::memory() const {
  const auto pictures = is_picture_ ? std::int64_t{1} : static_cast<std::int64_t>(chosen_.size());
  return pictures * grid_.size().height * grid_.size().width * 3;
}

void PassComparison::add(std::int64_t pass, const at::Tensor& frames) {
  const bool all = static_cast<std::int64_t>(chosen_.size()) == frames.size(0);
  const at::Tensor shown = all ? frames : frames.index_select(0, at::tensor(chosen_));
  passes_.push_back({label_of(pass), grid_.tiles_of(shown)});
}

void PassComparison::write(double fps, const std::map<std::string, std::string>& metadata) const {
  if (is_picture_) {
    write_picture();
  } else {
    write_video(fps, metadata);
  }
}

void PassComparison::write_picture() const {
  const auto rows = static_cast<std::int64_t>(passes_.size());
  const auto columns = static_cast<std::int64_t>(chosen_.size());
  const FrameGrid grid = grid_.with_shape({rows, columns});
  const at::Tensor picture = grid.blank();
  for (std::int64_t row = 0; row < rows; ++row) {
    const ShownPass& pass = passes_[static_cast<std::size_t>(row)];
    grid.put_caption(picture, pass.label, row, 0);
    for (std::int64_t i = 0; i < columns; ++i) grid.put(picture, pass.tiles[i], row, i);
  }
  freeinit::write_png(path_, bytes_of_picture(picture), picture.size(1), picture.size(0));
}

void PassComparison::write_video(double fps,
                                 const std::map<std::string, std::string>& metadata) const {
  const auto columns = static_cast<std::int64_t>(passes_.size());
  const FrameGrid grid = grid_.with_shape({1, columns});
  const at::Tensor picture = grid.blank();
  const auto pass = [this](std::int64_t column) -> const ShownPass& {
    return passes_[static_cast<std::size_t>(column)];
  };
  for (std::int64_t i = 0; i < columns; ++i) grid.put_caption(picture, pass(i).label, 0, i);
  freeinit::VideoWriter video(
      path_,
      {.width = picture.size(1), .height = picture.size(0), .fps = fps, .metadata = metadata});
  for (std::size_t frame = 0; frame < chosen_.size(); ++frame) {
    for (std::int64_t i = 0; i < columns; ++i) {
      grid.put(picture, pass(i).tiles[static_cast<std::int64_t>(frame)], 0, i);
    }
    video.add_frame(bytes_of_picture(picture));
  }
  video.finish();
}

}  // namespace freeinit_cli
