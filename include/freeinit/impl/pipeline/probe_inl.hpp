#pragma once

#include <freeinit/bundle/verify.hpp>
#include <freeinit/impl/networks/contract_inl.hpp>
#include <freeinit/impl/pipeline/text_to_video_pipeline_inl.hpp>
#include <freeinit/networks/dtype.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/pipeline/probe.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// How a failure of this kind is mended.
FREEINIT_INLINE std::string remedy_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
      return "copy the missing file into the bundle again, or export the model again";
    case ErrorCode::invalid_file:
      return "copy the bundle again from where it came, all files of one export together, or "
             "export "
             "the model again";
    case ErrorCode::unsupported:
      return "use the version of freeinit that fits the bundle, or export the model again in a "
             "form "
             "that this machine runs";
    case ErrorCode::io:
      return "check that the file can be read and that the disk is sound";
    case ErrorCode::invalid_argument:
      return "correct this value in manifest.json, or export the model again";
    case ErrorCode::model:
      return "export the model again with the current freeinit-export, which tries every network "
             "before it writes it";
    case ErrorCode::internal:
    case ErrorCode::cancelled:
      break;
  }
  return "report this together with the manifest";
}

/// Results that are not numbers are the network's fault, but mended by another dtype.
FREEINIT_INLINE std::string remedy_for_values(at::ScalarType dtype) {
  if (dtype == at::kHalf)
    return "float16 overflowed: export the model with --dtype bfloat16 or float32";
  return "the weights are damaged: export the model again from a sound checkpoint";
}

/// Carries a remedy of its own past the general one.
struct ProbeFailure {
  std::string problem;
  std::string remedy;
};

/// "[1, 4, 1, 8, 8] float32", after checking that all values are finite and the type is right.
FREEINIT_INLINE std::string checked_result(const std::string& what, const at::Tensor& result,
                                           at::ScalarType expected) {
  if (result.scalar_type() != expected) {
    throw ProbeFailure{c10::str(what, " is ", dtype_to_string(result.scalar_type()), "; expected ",
                                dtype_to_string(expected)),
                       remedy_for(ErrorCode::model)};
  }
  const bool finite = at::isfinite(result).all().item<bool>();
  if (!finite)
    throw ProbeFailure{what + " has NaN or infinite values", remedy_for_values(expected)};
  return c10::str(result.sizes(), " ", dtype_to_string(expected));
}

/// Runs the parts and keeps what later ones need.
class BundleProbe {
 public:
  BundleProbe(const std::filesystem::path& folder, const BundleOptions& options)
      : folder_(folder), options_(options) {}
  BundleProbe(std::filesystem::path&& temporary, const BundleOptions& options) = delete;
  BundleProbe(const std::filesystem::path& folder, BundleOptions&& temporary) = delete;

  [[nodiscard]] ProbeReport run() {
    if (!attempt("manifest", {}, [&] { return read(); })) return std::move(report_);
    for (const auto& file : manifest_.files) check_file(file.first);
    const TokenizerSpec& words = manifest_.tokenizer;
    attempt("tokenizer", {words.vocab_file, words.merges_file}, [&] { return tokenize(); });
    attempt("recommended", {}, [&] { return check_recommended(); });
    attempt("text encoder", {manifest_.text_encoder.file}, [&] { return encode_text(); });
    attempt("unet", {manifest_.unet.file}, [&] { return predict(); });
    attempt("scheduler", {}, [&] { return step(); });
    attempt("vae decoder", {manifest_.vae.decoder_file}, [&] { return decode(); });
    if (!manifest_.vae.encoder_file.empty()) {
      attempt("vae encoder", {manifest_.vae.decoder_file, manifest_.vae.encoder_file},
              [&] { return encode_images(); });
    }
    return std::move(report_);
  }

 private:
  /// Notes the outcome of `action`, which returns what it saw. Skipped when a file it needs failed.
  bool attempt(const std::string& part, const std::vector<std::string>& files,
               const std::function<std::string()>& action) {
    using Outcome = ProbeFinding::Outcome;
    for (const std::string& file : files) {
      if (!broken_files_.contains(file)) continue;
      report_.findings.push_back(
          {part, Outcome::skipped, "'" + file + "' is missing or damaged", {}, {}});
      return false;
    }
    const auto failed = [&](const std::string& problem, const std::string& remedy, ErrorCode code) {
      report_.findings.push_back({part, Outcome::failed, problem, remedy, code});
      return false;
    };
    try {
      report_.findings.push_back({part, Outcome::passed, action(), {}, {}});
      return true;
    } catch (const ProbeFailure& failure) {
      return failed(failure.problem, failure.remedy, ErrorCode::model);
    } catch (const Error& error) {
      return failed(error.what(), remedy_for(error.code()), error.code());
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      const std::string text = error.what();
      return failed(text.substr(0, text.find('\n')), remedy_for(ErrorCode::internal),
                    ErrorCode::internal);
    }
  }

  std::string read() {
    manifest_ = read_manifest(folder_);
    return "schema " + std::to_string(manifest_.schema) + ", " + manifest_.family;
  }

  void check_file(const std::string& name) {
    Manifest one = manifest_;
    one.files = {{name, manifest_.files.at(name)}};
    const bool good = attempt("file " + name, {}, [&] {
      verify_bundle_files(folder_, one, options_.verify_hashes);
      return std::to_string(manifest_.files.at(name).bytes) + " bytes";
    });
    if (!good) broken_files_.insert(name);
  }

  std::string tokenize() {
    const ClipTokenizer tokenizer = load_tokenizer(folder_, manifest_.tokenizer);
    ids_ = at::tensor(tokenizer.encode("a red circle").ids, at::kLong).unsqueeze(0);
    return std::to_string(ids_.size(1)) + " ids";
  }

  std::string check_recommended() {
    const GenerationRequest& request = manifest_.recommended;
    check_request(request, manifest_);
    return c10::str(request.num_frames, " frames of ", request.width, "x", request.height);
  }

  std::string encode_text() {
    const TextEncoderSpec& spec = manifest_.text_encoder;
    const auto encoder = load_torchscript_text_encoder(source(spec.file, "text_encoder"), spec);
    // Without a tokenizer any ids will do.
    const at::Tensor ids = ids_.defined() ? ids_ : at::zeros({1, spec.max_length}, at::kLong);
    const at::Tensor text = encoder->encode(ids);
    const std::string seen = checked_result("the embedding", text, dtype_from_string(spec.dtype));
    text_ = text;  // only a sound one is of use to the UNet
    return seen;
  }

  [[nodiscard]] NetworkSource source(const std::string& file, const std::string& section) const {
    return {.file = folder_ / file,
            .contract = contract_of(manifest_, section),
            .device = options_.device,
            .dtype = options_.dtype,
            .allow_operators = options_.allow_operators};
  }

  /// Latent height and width: the least the UNet takes, but no less than a sensible video has.
  [[nodiscard]] std::int64_t latent_size() const {
    constexpr std::int64_t least = 8;
    const std::int64_t multiple = manifest_.unet.latent_multiple_of;
    return (least + multiple - 1) / multiple * multiple;
  }

  std::string predict() {
    const UNetSpec& spec = manifest_.unet;
    const at::ScalarType dtype = dtype_from_string(spec.dtype);
    const auto unet =
        load_unet(folder_, manifest_, options_.backend.empty() ? "torchscript" : options_.backend,
                  options_.device, options_.dtype, options_.allow_operators);
    const std::int64_t size = latent_size();
    latents_ = noise_.draw({1, spec.in_channels, 1, size, size}, dtype, options_.device);
    if (!text_.defined()) text_ = noise_.draw({1, 1, spec.context_dim}, dtype, options_.device);
    const at::Tensor prediction =
        unet->predict({.latents = latents_,
                       .timestep = static_cast<double>(manifest_.scheduler.num_train_timesteps - 1),
                       .text = text_.to(dtype),
                       .fps = manifest_.recommended.fps});
    const std::string seen = checked_result("the prediction", prediction, dtype);
    prediction_ = prediction;
    return seen;
  }

  std::string step() {
    const GenerationRequest& settings = manifest_.recommended;
    const NoiseSchedule schedule(manifest_.scheduler);
    const auto sampler = make_sampler(schedule, settings.num_inference_steps, settings.eta);
    const bool sampled = prediction_.defined();
    const at::Tensor sample = sampled ? latents_ : noise_.draw({1, 1, 1, 2, 2});
    const at::Tensor output = sampled ? prediction_ : noise_.draw({1, 1, 1, 2, 2});
    SamplerState state = sampler->start(sample);
    sampler->step(state, output, noise_);
    static_cast<void>(
        checked_result("the sample after one step", state.latents, sample.scalar_type()));
    return c10::str(sampler->timesteps().size(), " steps from timestep ",
                    sampler->timesteps().front());
  }

  [[nodiscard]] std::unique_ptr<const Autoencoder> autoencoder(bool with_encoder) const {
    AutoencoderSpec spec = manifest_.vae;
    if (!with_encoder) spec.encoder_file.clear();
    return load_torchscript_autoencoder(source({}, "vae"), spec);
  }

  std::string decode() {
    const std::int64_t size = latent_size();
    const at::Tensor latents = noise_.draw({1, manifest_.vae.latent_channels, size, size});
    return checked_result("the image", autoencoder(false)->decode(latents),
                          dtype_from_string(manifest_.vae.dtype));
  }

  std::string encode_images() {
    const std::int64_t size = manifest_.vae.spatial_scale * latent_size();
    const at::Tensor images = noise_.draw({1, 3, size, size}).clamp(-1.0, 1.0);
    return checked_result("the latent", autoencoder(true)->encode(images),
                          dtype_from_string(manifest_.vae.dtype));
  }

  const std::filesystem::path& folder_;
  const BundleOptions& options_;
  ProbeReport report_;
  Manifest manifest_;
  std::set<std::string> broken_files_;
  NoiseSource noise_{std::uint64_t{0}};
  at::Tensor ids_, text_, latents_, prediction_;
};

}  // namespace detail

FREEINIT_INLINE const ProbeFinding* ProbeReport::first_failure() const noexcept {
  const auto found = std::find_if(
      findings.begin(), findings.end(),
      [](const ProbeFinding& finding) { return finding.outcome == ProbeFinding::Outcome::failed; });
  return found == findings.end() ? nullptr : &*found;
}

FREEINIT_INLINE std::size_t ProbeReport::num_failures() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [](const ProbeFinding& finding) {
        return finding.outcome == ProbeFinding::Outcome::failed;
      }));
}

FREEINIT_INLINE ProbeReport probe_bundle(const std::filesystem::path& folder,
                                         const BundleOptions& options) {
  return detail::BundleProbe(folder, options).run();
}

}  // namespace freeinit::inline FREEINIT_ABI
