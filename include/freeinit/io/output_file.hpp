#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>

namespace freeinit::inline FREEINIT_ABI {

/// An output that appears whole or not at all: write to `temporary()`, then `commit()` renames it
/// to the wanted path. Without a commit the destructor removes what was written. Works for files
/// and for folders (a PNG sequence). The temporary name lies beside the wanted one and keeps its
/// extension. A link is followed: what it points at is replaced. What is no regular file (a pipe, a
/// device, /dev/stdout wherever it leads) stays what it is: `commit()` writes the finished file
/// into it.
class FREEINIT_API OutputFile {
 public:
  /// Throws Error: io when the folder does not exist or cannot be written to (tried at once, so
  /// that a long run does not fail at its end).
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const std::filesystem::path& temporary() const noexcept { return temporary_; }

  /// Whether something stands there that `commit()` would replace: a file, or a folder that is not
  /// empty.
  [[nodiscard]] bool replaces() const;

  /// Replaces `path()` by what was written, or writes it through. Throws Error: io.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path target_;  ///< what is replaced: behind the links; empty: written through
  std::filesystem::path temporary_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/output_file_inl.hpp>
#endif
