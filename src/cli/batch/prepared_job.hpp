#pragma once

#include "batch/jobs.hpp"
#include "generate/prepared_run.hpp"
#include "shared/console.hpp"

#include <filesystem>
#include <string>

namespace freeinit_cli {

/// The bundle of a batch before its networks are read.
struct BatchBundle {
  std::filesystem::path folder;
  freeinit::Manifest manifest;
  std::string digest;  ///< of its files
};

/// Throws freeinit::Error: as bundle_or_default, read_manifest.
[[nodiscard]] BatchBundle read_batch_bundle(const std::string& given);

/// A job whose settings are checked and whose outputs have their names.
struct PreparedJob {
  GenerateArguments arguments;
  PreparedRun run;   ///< without a plan of its outputs
  std::string hash;  ///< SHA-256 of all that its videos are made of
  std::string name;  ///< its own, else the begin of the hash
};

/// Checks what can be checked without networks. A job without a seed gets one from its hash. Throws
/// freeinit::Error, CLI::Error.
[[nodiscard]] PreparedJob prepare_job(const Job& job, const BatchArguments& batch,
                                      const BatchBundle& bundle, Console& console);

}  // namespace freeinit_cli
