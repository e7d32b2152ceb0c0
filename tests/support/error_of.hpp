#pragma once

#include <freeinit/core/error.hpp>

#include <gtest/gtest.h>

#include <utility>

/// The Error that `action` throws; a test failure and an empty internal error when it throws none.
template <class Action>
freeinit::Error error_of(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const freeinit::Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error;
  }
  ADD_FAILURE() << "no freeinit::Error was thrown";
  return {freeinit::ErrorCode::internal, ""};
}

#define EXPECT_ERROR(expected_code, expected_text, ...)                                    \
  do {                                                                                     \
    const freeinit::Error error_seen = error_of([&] { (void)(__VA_ARGS__); });             \
    EXPECT_EQ(error_seen.code(), freeinit::ErrorCode::expected_code) << error_seen.what(); \
    EXPECT_NE(std::string(error_seen.what()).find(expected_text), std::string::npos)       \
        << "message: " << error_seen.what();                                               \
  } while (false)
