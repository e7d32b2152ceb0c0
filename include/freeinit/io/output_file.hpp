#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>

namespace freeinit::inline FREEINIT_ABI {

/// What an output is: one file, or a folder of files (a PNG sequence).
enum class OutputKind { file, folder };

/// An output that appears whole or not at all: write to `temporary()`, then `commit()` gives it the
/// wanted name, once the disk has it. Without a commit nothing is left, however the process ends: a
/// file has no name until then where the file system has such files (`temporary()` is its path in
/// /proc), and a hidden name beside the wanted one elsewhere, as a folder has; what a killed
/// process leaves of those goes when the next output is made there. A link is followed: what it
/// points at is replaced. What is no regular file (a pipe, a device, /dev/stdout wherever it leads)
/// stays what it is: `commit()` writes the finished file into it.
class FREEINIT_API OutputFile {
 public:
  /// Throws Error: io when the folder does not exist or cannot be written to (tried at once, so
  /// that a long run does not fail at its end).
  explicit OutputFile(std::filesystem::path path, OutputKind kind = OutputKind::file);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// The name that was asked for.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Where to write until `commit()`.
  [[nodiscard]] const std::filesystem::path& temporary() const noexcept { return temporary_; }

  /// Whether something stands there that `commit()` would replace: a file, or a folder that is not
  /// empty.
  [[nodiscard]] bool replaces() const;

  /// Replaces `path()` by what was written, or writes it through. Throws Error: io.
  void commit();

 private:
  void open_temporary(OutputKind kind);
  void forget_temporary() noexcept;
  void commit_file();
  void commit_folder();

  std::filesystem::path path_;
  std::filesystem::path target_;  ///< what is replaced: behind the links; empty: written through
  std::filesystem::path temporary_;
  int descriptor_ = -1;  ///< of what is written, open for as long as it is temporary
  bool named_ = false;   ///< `temporary_` is a hidden name, not a path in /proc
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/output_file_inl.hpp>
#endif
