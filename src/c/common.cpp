#include "guard.hpp"
#include "handles.hpp"

#include <freeinit/core/config.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace freeinit_c {
namespace {

/// Longer than any message of the library. Fixed, so that keeping one cannot fail.
thread_local std::array<char, 4096> last_message{};

}  // namespace

void keep_message(const char* text) noexcept {
  const std::size_t length = std::min(std::strlen(text), last_message.size() - 1);
  std::memcpy(last_message.data(), text, length);
  last_message[length] = '\0';
  // LibTorch appends a backtrace to its messages: only the first line is for a person.
  if (char* end = std::strchr(last_message.data(), '\n')) *end = '\0';
}

char* new_text(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

}  // namespace freeinit_c

const char* freeinit_version(void) {
  return FREEINIT_VERSION;
}

int32_t freeinit_c_version_major(void) {
  return FREEINIT_C_VERSION_MAJOR;
}

int32_t freeinit_c_version_minor(void) {
  return FREEINIT_C_VERSION_MINOR;
}

const char* freeinit_status_name(freeinit_status status) {
  switch (status) {
    case FREEINIT_OK:
      return "ok";
    case FREEINIT_INTERNAL:
      return "internal";
    case FREEINIT_INVALID_ARGUMENT:
      return "invalid_argument";
    case FREEINIT_NOT_FOUND:
      return "not_found";
    case FREEINIT_INVALID_FILE:
      return "invalid_file";
    case FREEINIT_UNSUPPORTED:
      return "unsupported";
    case FREEINIT_IO:
      return "io";
    case FREEINIT_MODEL:
      return "model";
    case FREEINIT_CANCELLED:
      return "cancelled";
  }
  return "unknown";
}

const char* freeinit_last_error(void) {
  return freeinit_c::last_message.data();
}

void freeinit_string_free(char* text) {
  std::free(text);
}

freeinit_status freeinit_cancel_new(freeinit_cancel** cancel) {
  return freeinit_c::guarded([&] { freeinit_c::output(cancel, "cancel") = new freeinit_cancel(); });
}

void freeinit_cancel_request(freeinit_cancel* cancel) {
  if (cancel) cancel->source.request_stop();
}

int32_t freeinit_cancel_requested(const freeinit_cancel* cancel) {
  return cancel && cancel->source.stop_requested() ? 1 : 0;
}

void freeinit_cancel_free(freeinit_cancel* cancel) {
  delete cancel;
}
