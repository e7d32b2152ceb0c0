#pragma once

#include <freeinit/impl/options/field_access_inl.hpp>
#include <freeinit/options/frequency_filter_options.hpp>

// The list of filters as one text: NAME[:SPATIAL[:TEMPORAL[:ORDER[:VARIANT[:AXES]]]]] by commas.
namespace freeinit::inline FREEINIT_ABI::detail {

using Filters = std::vector<FrequencyFilterOptions>;

[[noreturn]] FREEINIT_INLINE void refuse_schedule(std::string_view entry, std::string_view reason) {
  raise(ErrorCode::invalid_argument,
        concat("filter schedule entry ", quote(entry), ": ", reason,
               "; expected NAME[:SPATIAL[:TEMPORAL[:ORDER[:VARIANT[:AXES]]]]]"));
}

/// `filter` with what the entry says.
[[nodiscard]] FREEINIT_INLINE FrequencyFilterOptions
filter_from_text(std::string_view entry, FrequencyFilterOptions filter) {
  const std::vector<std::string_view> parts = parts_of(entry, ':');
  if (parts.size() > 6) refuse_schedule(entry, "too many parts");
  filter.method = filter_method_from_string(parts[0]);
  double* const numbers[] = {&filter.spatial_stop_frequency, &filter.temporal_stop_frequency,
                             &filter.order};
  for (std::size_t i = 0; i < 3 && i + 1 < parts.size(); ++i) {
    const auto number = value_from_text(FieldKind::number, parts[i + 1]);
    if (!number) refuse_schedule(entry, concat(quote(parts[i + 1]), " is no number"));
    *numbers[i] = std::get<double>(*number);
  }
  if (parts.size() > 4) filter.variant = filter_variant_from_string(parts[4]);
  if (parts.size() > 5) filter.axes = filter_axes_from_string(parts[5]);
  return filter;
}

[[nodiscard]] FREEINIT_INLINE Filters schedule_from_text(std::string_view text,
                                                         const FrequencyFilterOptions& first) {
  Filters filters;
  for (const std::string_view entry : parts_of(text, ',')) {
    filters.push_back(filter_from_text(entry, first));
  }
  return filters;
}

/// Nothing for one filter, which its own fields describe.
[[nodiscard]] FREEINIT_INLINE std::optional<std::string> schedule_text(const Filters& filters) {
  if (filters.size() < 2) return std::nullopt;
  std::string text;
  for (const FrequencyFilterOptions& filter : filters) {
    text += concat(text.empty() ? "" : ",", to_string(filter.method), ":",
                   field_text(filter.spatial_stop_frequency), ":",
                   field_text(filter.temporal_stop_frequency), ":", field_text(filter.order));
    if (filter.variant == filters[0].variant && filter.axes == filters[0].axes) continue;
    text += concat(":", to_string(filter.variant), ":", to_string(filter.axes));
  }
  return text;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
