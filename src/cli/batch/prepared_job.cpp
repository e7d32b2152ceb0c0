#include "batch/prepared_job.hpp"

#include "generate/idle_options.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"

#include <freeinit/core/text.hpp>
#include <freeinit/io/sha256.hpp>
#include <freeinit/options/request_fields.hpp>
#include <freeinit/pipeline/checkpoint_folder.hpp>

#include <cstdint>
#include <span>
#include <sstream>
#include <string_view>

namespace freeinit_cli {
namespace {

/// Hashes texts and tensors so that no two sequences of them are one.
class Digest {
 public:
  void add(std::string_view text) {
    const auto size = static_cast<std::uint64_t>(text.size());
    sha_.add(std::as_bytes(std::span(&size, 1)));
    sha_.add(std::as_bytes(std::span(text)));
  }

  void add(const at::Tensor& tensor) {
    if (!tensor.defined()) return add("none");
    std::ostringstream form;
    form << tensor.dtype() << tensor.sizes();
    add(form.str());
    const at::Tensor values = tensor.cpu().contiguous();
    sha_.add(std::span(static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes()));
  }

  std::string hex() { return sha_.hex(); }

 private:
  freeinit::Sha256 sha_;
};

std::string hash_of(const PreparedRun& run, bool has_seed, const BatchBundle& bundle) {
  auto request = run.request;
  if (!has_seed) request.seed = 0;
  Digest digest;
  digest.add(FREEINIT_VERSION);
  digest.add(bundle.digest);
  digest.add(has_seed ? "seed" : "no seed");
  digest.add(freeinit::request_to_json(request));
  for (const at::Tensor& tensor : {run.inputs.initial_noise, run.inputs.video_latents,
                                   run.inputs.filter_mask, run.init_frames}) {
    digest.add(tensor);
  }
  return digest.hex();
}

void check_name(const std::string& name) {
  constexpr std::size_t kLongest = 200;
  const bool is_plain = name.size() <= kLongest && !name.starts_with('.') &&
                        name.find('/') == name.npos &&
                        freeinit::excerpt(name, std::string::npos) == name;
  if (is_plain) return;
  refuse("name " + freeinit::quote(name) +
         ": expected the name of a file without folder, of at most 200 bytes");
}

}  // namespace

BatchBundle read_batch_bundle(const std::string& given) {
  BatchBundle bundle{.folder = bundle_or_default(given), .manifest = {}, .digest = {}};
  bundle.manifest = freeinit::read_manifest(bundle.folder);
  Digest digest;
  for (const auto& [file, hash] : freeinit::bundle_hashes(bundle.folder, bundle.manifest)) {
    digest.add(file);
    digest.add(hash);
  }
  bundle.digest = digest.hex();
  return bundle;
}

PreparedJob prepare_job(const Job& job, const BatchArguments& batch, const BatchBundle& bundle,
                        Console& console) {
  PreparedJob prepared{.arguments = arguments_of(job, batch), .run = {}, .hash = {}, .name = {}};
  auto& arguments = prepared.arguments;
  prepared.run = check_settings(arguments, bundle.folder, bundle.manifest, nullptr, console);
  warn_of_idle_options(arguments, prepared.run, console);
  const bool has_seed = arguments.settings.given("seed");
  prepared.hash = hash_of(prepared.run, has_seed, bundle);
  if (!has_seed) prepared.run.request.seed = std::stoul(prepared.hash.substr(0, 8), nullptr, 16);
  prepared.name = given_name(job);
  check_name(prepared.name);
  constexpr std::size_t kDigits = 16;
  const bool is_named = !prepared.name.empty();
  // A sweep is one line, of one name; its jobs need one each.
  if (is_named && job.is_swept) prepared.name += "_" + prepared.hash.substr(0, 8);
  if (!is_named) prepared.name = prepared.hash.substr(0, kDigits);
  // What stands under the hash of its content is this job's own.
  if (!is_named) arguments.overwrite = true;
  arguments.checkpoint.on_cancel = "discard";
  const auto base = std::filesystem::path(batch.out) / prepared.name;
  arguments.output =
      batch.format == "png" ? (base / "").string() : base.string() + "." + batch.format;
  if (batch.save_latents) arguments.save_latents = base.string() + ".safetensors";
  return prepared;
}

}  // namespace freeinit_cli
