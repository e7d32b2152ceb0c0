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
  use(&safetensors_element_size, &read_safetensors, &write_safetensors);
  use(&video_format_of, &write_png, &read_video, &VideoWriter::add_frame, &VideoWriter::finish,
      &OutputFile::commit);
}

void functions_of_numerics() {
  use(&beta_schedule_from_string, &prediction_type_from_string, &timestep_spacing_from_string,
      &DdimConfig::validate, &DdimScheduler::inverse_trajectory);
  use(&profile_from_string, static_cast<std::string_view (*)(Profile) noexcept>(&to_string),
      &FreeInitOptions::validate, &steps_per_pass, &free_init);
  use(&filter_method_from_string,
      static_cast<std::string_view (*)(FilterMethod) noexcept>(&to_string),
      &FrequencyFilterOptions::validate, &frequency_filter_mask, &NoiseReinitializer::operator(),
      &NoiseSource::draw, &load_tensor, &save_tensors);
}

void functions_of_models_and_pipeline() {
  use(&check_unet_input, &load_torchscript_unet, &load_torchscript_text_encoder,
      &load_torchscript_autoencoder, &decode_video, &encode_video, &guided_denoiser,
      &device_from_string, &ModelBundle::load);
  use(&GenerationRequest::from_manifest, &TextToVideoPipeline::validate,
      &TextToVideoPipeline::generate, &ddim_config);
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
  const NoiseSource of_a_batch(std::vector<std::uint64_t>{1, 2});
}
