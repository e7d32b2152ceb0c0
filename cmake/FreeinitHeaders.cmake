# The public headers, layer by layer from the bottom. A test compares this list with the folders.
set(FREEINIT_DECLARATIONS
  freeinit fwd
  core/checks core/config core/error core/freed_memory core/log core/name_help core/names core/process_memory core/progress
  core/run_control core/saturated core/shapes core/text
  options/context_options options/free_init_options options/frequency_filter_options
  options/generation_request
  options/noise_mix_options options/real_video_options options/request_fields
  options/sampler_config options/vae_tiling_options
  text/clip_tokenizer text/mend_text text/prompt_notes
  io/file_metadata io/output_file io/safetensors io/sha256 io/text_file io/video_file
  bundle/hash_stamps bundle/image_encoder_spec bundle/manifest bundle/specs bundle/verify
  tensors/resize tensors/tensor_file tensors/video_frames
  noise/frequency_filter noise/noise_mix noise/noise_reinitializer noise/noise_source
  sampling/denoiser sampling/inversion sampling/noise_schedule sampling/sampler
  sampling/sampler_table
  sampling/samplers/ddim sampling/samplers/dpmsolver sampling/samplers/euler sampling/samplers/euler_ancestral
  sampling/samplers/heun sampling/samplers/lcm sampling/samplers/pndm sampling/samplers/tcd sampling/samplers/unipc
  passes/checkpoint passes/free_init passes/free_init_state passes/real_video_noise passes/run_hooks
  analysis/consistency analysis/forward_process analysis/frequency_bands analysis/noise_statistics
  networks/autoencoder networks/conditioning networks/context_windows networks/device networks/dtype
  networks/feature_cache networks/guidance
  networks/image_encoder networks/latent_rgb networks/model_bundle networks/network_source networks/operators networks/text_encoder networks/video_unet
  networks/tiled_autoencoder networks/windowed_unet networks/backends/unet_backend
  pipeline/checkpoint_folder pipeline/clip_latents pipeline/generation pipeline/memory_estimate pipeline/probe
  pipeline/profile_trace
  pipeline/text_to_video_pipeline)

# Bodies: one for each declaration that has any, and the pieces that bodies share.
set(FREEINIT_BODIES
  core/control_groups core/error core/freed_memory core/json core/name_help core/process_memory core/python_power core/read_file core/text core/utf8
  options/context_fields options/context_options options/field_access options/filter_schedule options/free_init_options
  options/frequency_filter_options options/generation_request options/noise_mix_options
  options/real_video_options options/request_fields options/sampler_config
  options/vae_tiling_options
  text/byte_pair_encoder text/clip_normalizer text/clip_pattern text/clip_tokenizer
  text/html_entities text/mend_text text/prompt_notes text/special_tokens text/text_pattern
  text/token_decoder text/unicode_corrections
  io/animated_webp io/ffmpeg_handles io/file_metadata io/filter_graph io/frame_picker io/frame_pictures io/frame_sinks
  io/frame_times io/gif_comment io/gif_palette io/output_file io/picture_folder io/pixel_converter
  io/png_encoder io/safetensors io/sha256 io/shown_picture io/stream_choice io/stream_encoder
  io/temporary_output io/text_file io/video_file io/video_input io/video_reader
  bundle/hash_stamps bundle/image_encoder_spec bundle/inside_bundle bundle/manifest bundle/specs bundle/verify
  tensors/byte_resize tensors/frames_check tensors/npy_file tensors/resize tensors/tensor_file tensors/video_frames
  noise/frequency_filter noise/frequency_response noise/noise_mix noise/noise_reinitializer
  noise/noise_source noise/spectral_factor
  sampling/beta_quantile sampling/betas sampling/distilled_grid sampling/inversion
  sampling/latents_check sampling/linear_plan sampling/linear_sampler sampling/noise_schedule
  sampling/sampler
  sampling/sampler_table sampling/sigma_grid sampling/step_grid sampling/step_math
  sampling/samplers/ddim sampling/samplers/dpmsolver sampling/samplers/euler sampling/samplers/euler_ancestral
  sampling/samplers/heun sampling/samplers/lcm sampling/samplers/pndm sampling/samplers/tcd sampling/samplers/unipc
  passes/checkpoint passes/finite_check passes/free_init passes/free_init_state
  passes/pass_plan passes/real_video_noise passes/state_check
  analysis/consistency analysis/forward_process analysis/frequency_bands analysis/noise_statistics
  networks/archive_code networks/autoencoder networks/conditioning networks/context_windows networks/contract networks/device networks/dtype networks/feature_cache networks/guidance
  networks/image_encoder networks/latent_rgb networks/late_network networks/late_networks networks/library_error networks/mapped_weights
  networks/model_bundle networks/nearest_multiples networks/only_owner networks/operator_check networks/operator_uses networks/operators networks/tensor_operators networks/text_encoder
  networks/tiled_autoencoder networks/torchscript_archive networks/torchscript_module networks/torchscript_unet
  networks/unet_call networks/video_unet networks/widening networks/windowed_unet
  networks/backends/cuda_graphs networks/backends/loaders networks/backends/openvino networks/backends/torchscript
  networks/backends/attention networks/backends/bfloat16 networks/backends/graph_edits networks/backends/graph_norms networks/backends/graph_shortcuts
  networks/backends/group_norm networks/backends/in_parallel networks/backends/unet_backend networks/backends/winograd networks/backends/winograd_conv
  networks/backends/winograd_graph
  pipeline/checkpoint_folder pipeline/clip_latents pipeline/memory_estimate pipeline/phase_clock pipeline/probe pipeline/profile_trace
  pipeline/prompt_embeddings pipeline/request_check pipeline/text_to_video_pipeline
  pipeline/video_run)

list(TRANSFORM FREEINIT_DECLARATIONS PREPEND include/freeinit/ OUTPUT_VARIABLE FREEINIT_HEADERS)
list(TRANSFORM FREEINIT_HEADERS APPEND .hpp)
list(TRANSFORM FREEINIT_BODIES PREPEND include/freeinit/impl/ OUTPUT_VARIABLE FREEINIT_IMPL_HEADERS)
list(TRANSFORM FREEINIT_IMPL_HEADERS APPEND _inl.hpp)
