#include "guard.hpp"
#include "handles.hpp"
#include "request.hpp"
#include "structs.hpp"
#include "watch.hpp"

#include <freeinit/networks/dtype.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/pipeline/clip_latents.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/ops/from_blob.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace freeinit_c {
namespace {

using freeinit::GenerationRequest;
using freeinit::ModelBundle;
using freeinit::TextToVideoPipeline;

freeinit_latents c_latents(const at::Tensor& latents, std::int64_t video, std::int64_t pass) {
  return {.struct_size = sizeof(freeinit_latents),
          .data = latents.const_data_ptr<float>(),
          .channels = latents.size(0),
          .frames = latents.size(1),
          .height = latents.size(2),
          .width = latents.size(3),
          .video = video,
          .pass = pass};
}

/// [1,C,F,h,w], or [1,F,H,W,3] of a clip, as they lie in the caller's memory. Throws
/// freeinit::Error: invalid_argument.
template <class Element>
at::Tensor tensor_of(const Element* data, at::IntArrayRef sizes, at::ScalarType dtype,
                     const char* name) {
  std::int64_t left = std::int64_t{1} << 40;  // values of a tensor: more is no memory's
  for (const std::int64_t size : sizes) {
    if (size < 1 || size > left) {
      freeinit::raise(
          freeinit::ErrorCode::invalid_argument,
          freeinit::concat(name, ": a size is '", size, "'; expected 1 or more, and 2^40 in all"));
    }
    left /= size;
  }
  return at::from_blob(const_cast<Element*>(data), sizes, dtype);
}

at::Tensor tensor_of(const freeinit_latents& latents) {
  (void)required(latents.data, "latents.data");
  return tensor_of(latents.data,
                   {1, latents.channels, latents.frames, latents.height, latents.width}, at::kFloat,
                   "latents");
}

/// Hands frames on as bytes. Throws freeinit::Error: cancelled where the callback says so.
void hand_on(const at::Tensor& frames, std::int64_t first, freeinit_frame frame,
             const freeinit_run_options& options) {
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    frame.rgb = frames[i].const_data_ptr<std::uint8_t>();
    frame.index = first + i;
    if (options.on_frame(options.user_data, &frame) == 0) continue;
    freeinit::raise(freeinit::ErrorCode::cancelled, "frames: stopped by on_frame");
  }
}

/// `latents`: [1,C,F,h,w] of one video, which is called `video`.
void decode(const ModelBundle& bundle, const GenerationRequest& request, const at::Tensor& latents,
            std::int64_t video, const freeinit_run_options& options, freeinit::RunControl control) {
  const auto autoencoder = freeinit::with_tiling(bundle.autoencoder(), request.vae_tiling);
  control.progress = [&, report = std::move(control.progress)](freeinit::Progress progress) {
    progress.video = static_cast<int>(video);
    progress.num_videos = static_cast<int>(request.num_videos);
    if (report) report(progress);
  };
  const auto sink = [&](std::int64_t, std::int64_t first, const at::Tensor& frames) {
    const at::Tensor bytes = freeinit::frame_bytes(frames, request.free_init.profile);
    hand_on(bytes, first,
            {.struct_size = sizeof(freeinit_frame),
             .rgb = nullptr,
             .height = bytes.size(1),
             .width = bytes.size(2),
             .index = 0,
             .num_frames = latents.size(2),
             .video = video},
            options);
  };
  freeinit::decode_video_to(*autoencoder, latents, request.decode_chunk_size, sink, control);
  autoencoder->release();
}

freeinit::GenerationInputs inputs_of(const freeinit_run_options& options,
                                     const GenerationRequest& request, const ModelBundle& bundle,
                                     const freeinit::RunControl& control) {
  freeinit::GenerationInputs inputs;
  if (options.initial_noise) {
    inputs.initial_noise = tensor_of(read_struct(options.initial_noise, "latents"));
  }
  if (!options.clip) return inputs;
  const auto clip = read_struct(options.clip, "clip");
  if (clip.frames != request.num_frames) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    freeinit::concat("clip.frames '", clip.frames, "': expected num_frames, ",
                                     request.num_frames));
  }
  (void)required(clip.rgb, "clip.rgb");
  const at::Tensor frames =
      tensor_of(clip.rgb, {clip.frames, clip.height, clip.width, 3}, at::kByte, "clip");
  const auto autoencoder = freeinit::with_tiling(bundle.autoencoder(), request.vae_tiling);
  inputs.video_latents =
      freeinit::encode_clip(*autoencoder, frames, request.height, request.width, control);
  autoencoder->release();
  return inputs;
}

freeinit::GenerationHooks hooks_of(const freeinit_run_options& options,
                                   const GenerationRequest& request, const ModelBundle& bundle,
                                   Watch& watch, freeinit_result& made) {
  freeinit::GenerationHooks hooks;
  hooks.decode = false;  // frames are handed on as they are decoded
  if (options.on_pass) {
    hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
      const at::Tensor of_pass = latents[0].to(at::kCPU, at::kFloat).contiguous();
      const freeinit_latents shown = c_latents(of_pass, at.video, at.pass);
      watch.heed(options.on_pass(options.user_data, &shown));
    };
  }
  hooks.on_video = [&](const freeinit::GeneratedVideo& video) {
    made.latents.push_back(video.latents[0].contiguous());
    if (!options.on_frame) return;
    freeinit::RunControl control = watch.control();
    control.stop = {};  // a stopped run shows what its last complete pass left
    const auto start = std::chrono::steady_clock::now();
    decode(bundle, request, video.latents, video.index, options, std::move(control));
    made.decoding += std::chrono::steady_clock::now() - start;
  };
  return hooks;
}

std::string report(const GenerationRequest& request, const ModelBundle& bundle,
                   const freeinit_result& made) {
  const freeinit::GenerationResult& result = made.result;
  auto json = nlohmann::ordered_json::parse(freeinit::request_to_json(request));
  auto& seconds = json["seconds"] = nlohmann::ordered_json::object();
  for (const auto& [phase, time] : result.seconds) seconds[std::string(to_string(phase))] = time;
  if (made.decoding.count() > 0.0) seconds["decode"] = made.decoding.count();
  auto& calls = json["calls_per_pass"] = nlohmann::ordered_json::array();
  std::int64_t saved = 0;
  for (const auto& video : result.videos) {
    calls.push_back(video.calls_per_pass);
    saved += video.unet_calls_saved;
  }
  json["cancelled"] = result.cancelled;
  json["completed_passes"] = result.videos.back().completed_passes;
  json["unet_calls"] = result.unet_calls();
  json["unet_calls_saved"] = saved;
  json["model"] = bundle.manifest().name;
  json["device"] = bundle.device().str();
  json["dtype"] = freeinit::dtype_to_string(bundle.dtype());
  json["backend"] = bundle.backend().name;
  json["version"] = FREEINIT_VERSION;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::unique_ptr<freeinit_result> generate(const TextToVideoPipeline& pipeline,
                                          const std::string& text,
                                          const freeinit_run_options* given) {
  const auto options = read_struct(given, "run_options");
  const ModelBundle& bundle = pipeline.bundle();
  const GenerationRequest request = read_request(text, bundle.manifest());
  request.validate();  // before a clip is encoded
  Watch watch(options);
  auto made = std::make_unique<freeinit_result>();
  const auto inputs = inputs_of(options, request, bundle, watch.control());
  made->result = pipeline.generate(request, inputs, watch.control(),
                                   hooks_of(options, request, bundle, watch, *made));
  made->json = report(request, bundle, *made);
  return made;
}

}  // namespace
}  // namespace freeinit_c

freeinit_status freeinit_generate(const freeinit_pipeline* pipeline, const char* request,
                                  const freeinit_run_options* options, freeinit_result** result) {
  return freeinit_c::guarded([&] {
    if (result) *result = nullptr;
    auto made = freeinit_c::generate(freeinit_c::required(pipeline, "pipeline").pipeline,
                                     freeinit_c::required_text(request, "request"), options);
    if (result) *result = made.release();
  });
}

freeinit_status freeinit_decode(const freeinit_pipeline* pipeline, const char* request,
                                const freeinit_latents* latents,
                                const freeinit_run_options* options) {
  return freeinit_c::guarded([&] {
    const auto& bundle = freeinit_c::required(pipeline, "pipeline").pipeline.bundle();
    const auto given =
        freeinit_c::read_struct(&freeinit_c::required(latents, "latents"), "latents");
    const auto own = freeinit_c::read_struct(options, "run_options");
    (void)freeinit_c::required(own.on_frame, "run_options.on_frame");
    const auto settings =
        freeinit::request_from_json(request ? request : "{}", bundle.manifest().recommended);
    const freeinit_c::Watch watch(own);
    freeinit_c::decode(bundle, settings, freeinit_c::tensor_of(given), given.video, own,
                       watch.control());
  });
}

int32_t freeinit_result_cancelled(const freeinit_result* result) {
  return result && result->result.cancelled ? 1 : 0;
}

const char* freeinit_result_json(const freeinit_result* result) {
  return result ? result->json.c_str() : nullptr;
}

int64_t freeinit_result_num_videos(const freeinit_result* result) {
  return result ? static_cast<int64_t>(result->latents.size()) : 0;
}

freeinit_status freeinit_result_latents(const freeinit_result* result, int64_t video,
                                        freeinit_latents* latents) {
  return freeinit_c::guarded([&] {
    (void)freeinit_c::required(latents, "latents");
    const auto& made = freeinit_c::required(result, "result");
    if (video < 0 || video >= freeinit_result_num_videos(result)) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      freeinit::concat("video '", video, "': expected 0 to ",
                                       freeinit_result_num_videos(result) - 1));
    }
    const auto index = static_cast<std::size_t>(video);
    const auto& of_video = made.result.videos[index];
    freeinit_c::write_struct(
        *latents, freeinit_c::c_latents(made.latents[index], video, of_video.completed_passes - 1),
        "latents");
  });
}

void freeinit_result_free(freeinit_result* result) {
  delete result;
}
