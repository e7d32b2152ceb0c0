#pragma once

#include <freeinit/c/freeinit.h>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/core/Tensor.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

// What the opaque types of the interface are.

struct freeinit_pipeline {
  freeinit::TextToVideoPipeline pipeline;
  std::string info;  ///< JSON
};

struct freeinit_cancel {
  std::stop_source source;
};

struct freeinit_result {
  freeinit::GenerationResult result;
  std::vector<at::Tensor> latents;           ///< [C,F,h,w] float32, CPU, contiguous; one a video
  std::chrono::duration<double> decoding{};  ///< of all videos, with what on_frame did
  std::string json;
};
