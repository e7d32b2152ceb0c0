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
  use(&safetensors_element_size, &read_safetensors, &write_safetensors);
  use(static_cast<DecodedVideo (*)(const std::filesystem::path&, const FrameSelection&)>(
          &read_video),
      static_cast<DecodedVideo (*)(const std::filesystem::path&, std::int64_t)>(&read_video));
  use(&video_format_of, &write_png, &VideoWriter::add_frame, &VideoWriter::finish,
      &OutputFile::commit);
}

void functions_of_numerics() {
  use(&beta_schedule_from_string, &prediction_type_from_string, &timestep_spacing_from_string,
      &DdimConfig::validate, &DdimScheduler::inverse_trajectory);
  use(&profile_from_string, static_cast<std::string_view (*)(Profile) noexcept>(&to_string),
      &FreeInitOptions::validate, &FreeInitOptions::validate_for, &steps_per_pass,
      &max_calls_per_pass, &free_init);
  use(&intermediate_result_from_string,
      static_cast<std::string_view (*)(IntermediateResult) noexcept>(&to_string),
      &IntermediatePassOptions::validate, &SamplingBudget::validate);
  use(&mix_method_from_string, static_cast<std::string_view (*)(MixMethod) noexcept>(&to_string),
      &NoiseMixOptions::validate, &mix_variance, &NoiseReinitializer::low_band,
      &NoiseReinitializer::num_fresh);
  use(&filter_method_from_string,
      static_cast<std::string_view (*)(FilterMethod) noexcept>(&to_string),
      &FrequencyFilterOptions::validate, &frequency_filter_mask, &NoiseReinitializer::operator(),
      &filter_axes_from_string, static_cast<std::string_view (*)(FilterAxes) noexcept>(&to_string),
      &NoiseSource::draw, &load_tensor, &save_tensors);
  use(&load_video_frames, &resize_images, &center_crop, &fit_frames);
  use(&video_noise_source_from_string,
      static_cast<std::string_view (*)(VideoNoiseSource) noexcept>(&to_string),
      &initial_noise_from_video, &inversion_trajectory);
}

void functions_of_analysis() {
  use(&FrequencyBands::spectrum, &FrequencyBands::sums, &band_power, &fit_bands, &signal_to_noise);
  use(&frame_correlation, &adjacent_mean, &noise_statistics, &mean_statistics);
  use(&analyze_forward_process, &mean_analysis, &consistency_scores, &change_scores);
}

void functions_of_models_and_pipeline() {
  use(&check_unet_input, &load_torchscript_unet, &load_torchscript_text_encoder,
      &load_torchscript_autoencoder, &decode_video, &encode_video, &guided_denoiser,
      &device_from_string, &load_tokenizer, &dtype_from_string, &dtype_to_string,
      &ModelBundle::load);
  use(&FeatureCache::start_pass, &FeatureCache::predict, &VideoUNet::predict_deep,
      &VideoUNet::predict_shallow);
  use(&probe_bundle, &ProbeReport::first_failure, &ProbeReport::num_failures);
  use(static_cast<std::string (*)(UNetBackend)>(&to_string), &unet_backend_from_string,
      &built_unet_backends, &default_unet_backend, &load_unet, &decode_video_to);
  use(&parse_image_encoder_spec, &load_torchscript_image_encoder, &preprocess_images,
      &image_features);
  use(&ProfileTrace::json, &ProfileTrace::write,
      static_cast<RunControl (ProfileTrace::*)(RunControl) const>(&ProfileTrace::watch),
      static_cast<std::shared_ptr<const VideoUNet> (ProfileTrace::*)(
          std::shared_ptr<const VideoUNet>) const>(&ProfileTrace::watch));
  use(&GenerationRequest::from_manifest, &TextToVideoPipeline::validate,
      &TextToVideoPipeline::generate, &ddim_config, &encode_clip);
}

// Constructors have no address; these calls need them, and the destructors.
TextToVideoPipeline make_pipeline(const char* folder) {
  return TextToVideoPipeline(ModelBundle::load(folder));
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
