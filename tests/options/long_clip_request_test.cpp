#include <freeinit/options/generation_request.hpp>

#include <gtest/gtest.h>

#include "support/error_of.hpp"

namespace long_clip_request_test {

using freeinit::GenerationRequest;

TEST(LongClipRequest, IsCheckedBeforeAnyNetwork) {
  const auto refused = [](const char* says, auto&& change) {
    GenerationRequest request;
    change(request);
    EXPECT_ERROR(invalid_argument, says, (request.validate(), 0));
  };
  refused("context overlap '16': not below the context length; expected 0 to 15",
          [](auto& r) { r.context = {.length = 16, .overlap = 16}; });
  refused("context overlap '-1'", [](auto& r) { r.context.overlap = -1; });
  refused("context length '0'", [](auto& r) { r.context.length = 0; });
  refused("context stride '0'", [](auto& r) { r.context.stride = 0; });
  refused("prompt at frame '16': outside the clip; expected 0 to 15", [](auto& r) {
    r.prompt_at = {{16, "a cat"}};
  });
  refused("prompt at frame '-1'", [](auto& r) { r.prompt_at = {{-1, "a cat"}}; });
  refused("prompt at frame '3': given twice", [](auto& r) {
    r.prompt_at = {{3, "a cat"}, {5, "a dog"}, {3, "a cow"}};
  });
}

}  // namespace long_clip_request_test
