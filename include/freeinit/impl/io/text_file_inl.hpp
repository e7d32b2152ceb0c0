#pragma once

#include <freeinit/impl/io/output_file_inl.hpp>
#include <freeinit/io/text_file.hpp>

#include <fstream>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE void write_text_file(const std::filesystem::path& path, std::string_view text) {
  OutputFile output(path);
  std::ofstream stream(output.temporary(), std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) detail::refuse_output(path, "writing failed");
  output.commit();
}

}  // namespace freeinit::inline FREEINIT_ABI
