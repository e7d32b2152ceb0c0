#pragma once

#include <freeinit/options/generation_request.hpp>
#include <freeinit/options/noise_mix_options.hpp>

#include <ATen/core/Tensor.h>

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// The options of a command that are settings of a request, made from the table of its fields: the
/// names of its rows, its help, and its words for what is wrong.
class SettingOptions {
 public:
  /// Adds an option for every row, or for those named; `prompt` is the positional PROMPT. The
  /// object must outlive the command.
  void add(CLI::App& command);
  void add(CLI::App& command, const std::vector<std::string_view>& names);

  /// Whether the option of this field was given, on the command line or in a configuration file.
  [[nodiscard]] bool given(std::string_view name) const;
  /// Which of these were given, spelt as options, by spaces.
  [[nodiscard]] std::string given_of(const std::vector<std::string_view>& names) const;

  /// `request` with everything replaced that was given. Throws freeinit::Error: invalid_argument.
  [[nodiscard]] freeinit::GenerationRequest over(freeinit::GenerationRequest request) const;

 private:
  struct Setting {
    std::string text;  ///< as typed
    bool given = false;
  };

  std::map<std::string, Setting, std::less<>> settings_;  ///< by field
};

/// Settings of a filter, which a mask replaces.
extern const std::vector<std::string_view> kFilterFields;

/// A filter and a mix, or a mask of the user's in place of the filter: the options that `generate`,
/// `filter` and `reinit` share.
struct FilterArguments {
  SettingOptions settings;
  std::string mask_file;

  /// Throws freeinit::Error: invalid_argument, also where a mask makes what was given meaningless.
  void check() const;
  [[nodiscard]] freeinit::FrequencyFilterOptions filter() const;
  [[nodiscard]] freeinit::NoiseMixOptions mix() const;
};

/// The filter options alone; `mask_file` of `generate` belongs to another table.
void add_filter_options(CLI::App& command, FilterArguments& arguments);
void add_mask_option(CLI::App& command, std::string& mask_file);

/// Refuses filter options beside a mask, and a ratio beside a mix that has none. Throws
/// freeinit::Error: invalid_argument.
void check_filter_settings(const SettingOptions& settings, const std::string& mask_file);

/// The centred mask [T,H,W] of a file, undefined without one. Throws freeinit::Error:
/// invalid_argument and as load_tensor.
[[nodiscard]] at::Tensor load_mask(const std::string& mask_file);

[[nodiscard]] nlohmann::ordered_json filter_json(const freeinit::FrequencyFilterOptions& options);
[[nodiscard]] nlohmann::ordered_json mix_json(const freeinit::NoiseMixOptions& mix);

}  // namespace freeinit_cli
