#pragma once

#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/io/output_file_inl.hpp>
#include <freeinit/io/text_file.hpp>

#include <fstream>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE std::string read_text_file(const std::filesystem::path& path,
                                           const std::string& what) {
  return detail::read_file(path, what, detail::FileKind::stream);
}

FREEINIT_INLINE void check_json_text(std::string_view text, const std::string& origin) {
  detail::check_json(text, origin);
}

FREEINIT_INLINE void write_text_file(const std::filesystem::path& path, std::string_view text) {
  OutputFile output(path);
  std::ofstream stream(output.temporary(), std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) detail::refuse_output(path, "writing failed");
  output.commit();
}

}  // namespace freeinit::inline FREEINIT_ABI
