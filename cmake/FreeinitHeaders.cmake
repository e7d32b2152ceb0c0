# The public headers, layer by layer from the bottom. A test compares this list with the folders.
set(FREEINIT_DECLARATIONS
  core/config core/error core/freed_memory core/log core/progress core/run_control core/shapes
  text/clip_tokenizer
  io/hash_stamps io/image_encoder_spec io/manifest io/output_file io/safetensors io/sha256 io/video_file
  numerics/ddim_scheduler numerics/free_init numerics/frequency_filter numerics/intermediate_passes
  numerics/noise_mix numerics/noise_reinitializer numerics/noise_source numerics/scheduler numerics/tensor_file
  numerics/video_frames numerics/video_noise
  analysis/consistency analysis/forward_process analysis/frequency_bands analysis/noise_statistics
  networks/autoencoder networks/device networks/dtype networks/feature_cache networks/guidance
  networks/image_encoder networks/model_bundle networks/network_source networks/text_encoder networks/video_unet
  networks/backends/unet_backend
  pipeline/probe pipeline/profile_trace pipeline/text_to_video_pipeline pipeline/video_init)

# Bodies: one for each declaration that has any, and the pieces that bodies share.
set(FREEINIT_BODIES
  core/error core/freed_memory core/read_file
  text/byte_pair_encoder text/clip_normalizer text/clip_pattern text/clip_tokenizer
  text/special_tokens text/token_decoder text/unicode_corrections text/utf8
  io/ffmpeg_handles io/frame_sinks io/gif_palette io/hash_stamps io/image_encoder_spec io/json_reader
  io/manifest io/output_file io/pixel_converter io/png_encoder io/safetensors io/sha256 io/stream_encoder io/video_file
  io/video_reader
  numerics/byte_resize numerics/ddim_scheduler numerics/ddim_tables numerics/ddim_trajectory numerics/free_init
  numerics/frequency_filter numerics/frequency_response numerics/spectral_factor
  numerics/intermediate_passes numerics/named_value numerics/noise_mix numerics/noise_reinitializer
  numerics/noise_source numerics/pass_plan numerics/python_power numerics/tensor_file
  numerics/time_budget numerics/video_frames numerics/video_noise
  analysis/consistency analysis/forward_process analysis/frequency_bands analysis/noise_statistics
  networks/autoencoder networks/contract networks/device networks/dtype networks/feature_cache networks/guidance
  networks/image_encoder networks/late_network networks/late_networks networks/library_error networks/model_bundle
  networks/nearest_multiples networks/text_encoder networks/torchscript_module networks/torchscript_unet
  networks/unet_call networks/video_unet
  networks/backends/cuda_graphs networks/backends/int8 networks/backends/openvino networks/backends/torchscript
  networks/backends/unet_backend networks/backends/winograd networks/backends/winograd_conv
  networks/backends/winograd_graph
  models/winograd_dispatch models/winograd_kernels models/winograd_tiling
  pipeline/phase_clock pipeline/probe pipeline/profile_trace pipeline/request_check pipeline/text_to_video_pipeline
  pipeline/video_init)

list(TRANSFORM FREEINIT_DECLARATIONS PREPEND include/freeinit/ OUTPUT_VARIABLE FREEINIT_HEADERS)
list(TRANSFORM FREEINIT_HEADERS APPEND .hpp)
list(TRANSFORM FREEINIT_BODIES PREPEND include/freeinit/impl/ OUTPUT_VARIABLE FREEINIT_IMPL_HEADERS)
list(TRANSFORM FREEINIT_IMPL_HEADERS APPEND _inl.hpp)
