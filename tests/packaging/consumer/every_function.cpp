// The second translation unit. It takes the address of every public function, so that one that is
// declared and never defined fails the link. `every_header.hpp` is written by the test from the
// list of installed headers.

#include "every_header.hpp"

#include <type_traits>

using namespace freeinit;

static_assert(!std::is_copy_constructible_v<NoiseSource>, "a copy would repeat the same noise");
static_assert(!std::is_copy_constructible_v<OutputFile> &&
              !std::is_copy_constructible_v<VideoWriter>);

namespace {

/// Stored in a volatile, so that no optimiser can drop the reference.
template <class... Functions>
void use(Functions... functions) {
  (
      (void)[](auto function) {
        volatile auto kept = function;
        (void)kept;
      }(functions),
      ...);
}

}  // namespace

void functions_of_core_text_and_io() {
  use(&raise, &Error::code, &RunControl::report, &RunControl::message);
  use(&ClipTokenizer::tokenize, &ClipTokenizer::encode, &ClipTokenizer::options);
  use(&parse_manifest, &read_manifest, &verify_bundle_files, &sha256_of_file);
  use(&HashStamps::knows, &HashStamps::sha256_of, &HashStamps::save);
  use(&safetensors_element_size, &SafetensorsReader::read, &write_safetensors);
  use(static_cast<DecodedVideo (*)(const std::filesystem::path&, const FrameSelection&)>(
          &read_video),
      static_cast<DecodedVideo (*)(const std::filesystem::path&, std::int64_t)>(&read_video));
  use(&video_format_of, &write_png, &VideoWriter::add_frame, &VideoWriter::finish,
      &OutputFile::commit, &read_text_file, &check_json_text);
}

/// Both names of an enumeration's values.
template <class Value>
void use_names(Value (*from_string)(std::string_view)) {
  use(from_string, static_cast<std::string_view (*)(Value) noexcept>(&to_string));
}

void functions_of_options() {
  use_names(&beta_schedule_from_string);
  use_names(&prediction_type_from_string);
  use_names(&timestep_spacing_from_string);
  use_names(&sigma_spacing_from_string);
  use_names(&final_sigma_from_string);
  use_names(&solver_type_from_string);
  use_names(&algorithm_type_from_string);
  use_names(&filter_method_from_string);
  use_names(&filter_variant_from_string);
  use_names(&filter_axes_from_string);
  use_names(&mix_method_from_string);
  use_names(&profile_from_string);
  use_names(&intermediate_result_from_string);
  use_names(&video_noise_source_from_string);
  use_names(&context_schedule_from_string);
  use_names(&fuse_method_from_string);
  use_names(&long_noise_from_string);
  use(&SamplerConfig::validate, &FrequencyFilterOptions::validate, &NoiseMixOptions::validate,
      &IntermediatePassOptions::validate, &FreeInitOptions::validate, &GenerationRequest::validate,
      &ContextOptions::validate, &steps_per_pass);
}

void functions_of_noise_sampling_and_passes() {
  use(&NoiseSource::draw, &NoiseSource::schedule_frames, &NoiseSource::state,
      &NoiseSource::from_state, &frequency_filter_mask, &mix_variance,
      &NoiseReinitializer::low_band, &NoiseReinitializer::num_fresh,
      &NoiseReinitializer::draw_fresh, &NoiseReinitializer::operator());
  use(&NoiseSchedule::sigmas, &NoiseSchedule::level, &NoiseSchedule::timesteps,
      &NoiseSchedule::add_noise, &NoiseSchedule::add_noise_between, &NoiseSchedule::add_noise_from,
      &SamplerState::clone, &Sampler::start, &sampler_table, &find_sampler, &make_sampler,
      &with_sampler, &make_ddim, &make_ddim_inverse, &make_dpmsolver, &make_euler_ancestral,
      &make_heun, &make_lcm, &make_pndm, &make_tcd, &make_unipc, &make_inversion,
      static_cast<SamplerFactory (*)(const NoiseSchedule&, double)>(&sampler_factory));
  use(&FreeInitState::clone, &FreeInit::begin, &FreeInit::is_done, &FreeInit::advance,
      &FreeInit::check_values, &FreeInit::result, &plan_passes, &free_init,
      &initial_noise_from_video);
}

void functions_of_tensors() {
  use(&load_tensor, &read_tensor, &save_tensors, &load_video_frames, &save_video_frames,
      &frame_bytes, &is_picture_pattern, &check_picture_pattern, &resize_images, &resize_and_crop,
      &check_video_writer, &write_text_file, &center_crop, &fit_frames);
}

void functions_of_analysis() {
  use(&FrequencyBands::spectrum, &FrequencyBands::sums, &band_power, &fit_bands, &signal_to_noise);
  use(&frame_correlation, &adjacent_mean, &noise_statistics, &mean_statistics);
  use(&analyze_forward_process, &mean_analysis, &consistency_scores, &change_scores);
}

void functions_of_models_and_pipeline() {
  use(&check_unet_input, &load_torchscript_text_encoder, &load_torchscript_autoencoder,
      &decode_video, &encode_video, &default_chunk_size, &with_tiling, &check_vae_tiling,
      &guided_denoiser, &device_from_string, &check_device, &load_tokenizer, &dtype_from_string,
      &dtype_to_string);
  use(&Conditioning::single, &Conditioning::at_frame, &Conditioning::after, &context_windows,
      &context_weights, &WindowedUNet::predict, &WindowedUNet::check_input);
  use(&FeatureCache::start_pass, &FeatureCache::predict, &VideoUNet::predict_deep,
      &VideoUNet::predict_shallow);
  use(&probe_bundle, &ProbeReport::first_failure, &ProbeReport::num_failures);
  use(&unet_backends, &unet_backend, &default_unet_backend, &openvino_version, &load_unet,
      &decode_video_to, &operator_rule, &torchscript_operators);
  use(&parse_image_encoder_spec, &load_torchscript_image_encoder, &preprocess_images,
      &image_features);
  use(&ProfileTrace::json, &ProfileTrace::write,
      static_cast<RunControl (ProfileTrace::*)(RunControl) const>(&ProfileTrace::watch),
      static_cast<std::shared_ptr<const VideoUNet> (ProfileTrace::*)(
          std::shared_ptr<const VideoUNet>) const>(&ProfileTrace::watch));
  use(&check_request, &TextToVideoPipeline::validate, &TextToVideoPipeline::generate,
      &profile_config, &request_config, &encode_clip, &planned_calls, &estimate_memory);
  use(&process_memory, &MemoryEstimate::peak);
}

// Constructors have no address; these calls need them, and the destructors.
TextToVideoPipeline make_pipeline(const char* folder) {
  const ModelBundle bundle = ModelBundle::load(Manifest{}, folder);
  return TextToVideoPipeline(ModelBundle::load(folder)
                                 .with(bundle.text_encoder())
                                 .with(bundle.unet())
                                 .with(bundle.autoencoder()));
}
void make_the_rest(const char* path, const at::Tensor& mask) {
  const ClipTokenizer tokenizer(path, path);
  OutputFile output(path);
  VideoWriter writer(path, {.width = 2, .height = 2, .fps = 8.0});
  const NoiseReinitializer from_mask(mask);
  const NoiseReinitializer from_options(FrequencyFilterOptions{}, 2, 2, 2);
  const HashStamps stamps(path);
  const ProfileTrace trace;
  const FeatureCache cache(2);
  const NoiseSource of_a_batch(std::vector<std::uint64_t>{1, 2});
}
