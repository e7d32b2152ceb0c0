#pragma once

#include <freeinit/c/freeinit.h>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <exception>
#include <new>
#include <string>

namespace freeinit_c {

/// Keeps a line for `freeinit_last_error` of this thread.
void keep_message(const char* text) noexcept;

/// Runs what a function of the interface does. Whatever it throws ends here.
template <class Action>
freeinit_status guarded(const Action& action) noexcept {
  try {
    action();
    return FREEINIT_OK;
  } catch (const freeinit::Error& error) {
    keep_message(error.what());
    return static_cast<freeinit_status>(error.code());
  } catch (const std::bad_alloc&) {
    keep_message("out of memory");
    return FREEINIT_MODEL;
  } catch (const std::exception& error) {
    keep_message(error.what());
  } catch (...) {
    keep_message("a callback threw what is no std::exception");
  }
  return FREEINIT_INTERNAL;
}

/// Throws freeinit::Error: invalid_argument for NULL. `name`: of the parameter, or of a field.
template <class Value>
Value& required(Value* value, const char* name) {
  if (value) return *value;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  freeinit::concat("argument '", name, "': is NULL; expected a valid pointer"));
}

/// Where a result goes, NULL until it is there. Throws as `required`.
template <class Value>
Value*& output(Value** place, const char* name) {
  (void)required(place, name);
  return *place = nullptr;
}

/// A text of the caller's. Throws as `required`.
inline std::string required_text(const char* text, const char* name) {
  return &required(text, name);
}

/// A text that `freeinit_string_free` gives back. Throws std::bad_alloc.
char* new_text(const std::string& text);

}  // namespace freeinit_c
