# The public headers, layer by layer from the bottom. A test compares this list with the folders.
set(FREEINIT_DECLARATIONS
  core/config core/error core/freed_memory core/log core/progress core/run_control core/shapes
  text/clip_tokenizer
  io/hash_stamps io/image_encoder_spec io/manifest io/output_file io/safetensors io/sha256 io/video_file
  numerics/ddim_scheduler numerics/free_init numerics/frequency_filter numerics/intermediate_passes
  numerics/noise_mix numerics/noise_reinitializer numerics/noise_source numerics/scheduler numerics/tensor_file
  numerics/video_frames numerics/video_noise
  analysis/consistency analysis/forward_process analysis/frequency_bands analysis/noise_statistics
  models/autoencoder models/dtype models/feature_cache models/guided_denoiser models/image_encoder models/model_bundle
  models/text_encoder models/unet_backend models/video_unet
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
  models/autoencoder models/dtype models/feature_cache models/guided_denoiser models/image_encoder models/model_bundle
  models/aotinductor_unet models/cuda_graph_unet models/late_network models/late_networks models/nearest_multiples models/openvino_unet models/text_encoder
  models/torchscript_module models/unet_backend models/unet_call models/video_unet
  models/winograd_conv models/winograd_graph
  pipeline/phase_clock pipeline/probe pipeline/profile_trace pipeline/request_check pipeline/text_to_video_pipeline
  pipeline/video_init)

list(TRANSFORM FREEINIT_DECLARATIONS PREPEND include/freeinit/ OUTPUT_VARIABLE FREEINIT_HEADERS)
list(TRANSFORM FREEINIT_HEADERS APPEND .hpp)
list(TRANSFORM FREEINIT_BODIES PREPEND include/freeinit/impl/ OUTPUT_VARIABLE FREEINIT_IMPL_HEADERS)
list(TRANSFORM FREEINIT_IMPL_HEADERS APPEND _inl.hpp)
