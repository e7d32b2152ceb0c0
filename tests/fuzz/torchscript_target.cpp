#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/torchscript_archive_inl.hpp>

#include <string>
#include <string_view>

namespace {

/// Whether an action is answered, by an Error or without.
template <class Action>
bool is_taken(const Action& action) {
  try {
    action();
    return true;
  } catch (const freeinit::Error& error) {
    fuzz::require(error.code() != freeinit::ErrorCode::internal, "a mistake of the file");
    return false;
  }
}

}  // namespace

/// The bytes as an archive, and as a part of one. Networks are not made of them: that is
/// LibTorch's.
void fuzz::torchscript(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool code = is_taken([&] { freeinit::detail::check_archive_code("fuzz", "part", text); });
  require(!code || text.find("__setstate__") == std::string::npos, "no code runs at once");
  require(freeinit::detail::deepest_nesting(text) <= size, "as deep as it is long, at most");
  (void)is_taken([&] { freeinit::detail::check_archive_classes("fuzz", "part", text); });
  const auto path = input_file(data, size, "network.pt");
  (void)is_taken([&] { freeinit::detail::check_archive(path, "fuzz"); });
}
