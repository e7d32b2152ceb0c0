#include "support.h"

#include <string.h>

static freeinit_cancel* new_button(void) {
  freeinit_cancel* button = NULL;
  EXPECT(freeinit_cancel_new(&button) == FREEINIT_OK);
  return button;
}

/* The run was stopped behind its first pass, and shows that. */
static void expect_first_pass(const freeinit_pipeline* pipeline, watched seen) {
  const freeinit_run_options options = watching(&seen);
  freeinit_result* result = NULL;
  EXPECT(freeinit_generate(pipeline, kRequest, &options, &result) == FREEINIT_OK);
  EXPECT(result && freeinit_result_cancelled(result));
  EXPECT(result && strstr(freeinit_result_json(result), "\"completed_passes\":1"));
  EXPECT(seen.passes == 1 && seen.frames == 4);
  freeinit_latents latents = {.struct_size = sizeof latents};
  EXPECT(freeinit_result_latents(result, 0, &latents) == FREEINIT_OK && latents.pass == 0);
  EXPECT(hash_of_latents(&latents) == seen.latents_hash);
  freeinit_result_free(result);
}

/* Nothing was complete. */
static void expect_nothing(const freeinit_pipeline* pipeline, watched seen) {
  const freeinit_run_options options = watching(&seen);
  freeinit_result* result = (freeinit_result*)&seen;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, &result), FREEINIT_CANCELLED,
               "stop");
  EXPECT(result == NULL && seen.frames <= 2);
}

static void test_answers(const freeinit_pipeline* pipeline) {
  expect_first_pass(pipeline, (watched){.stop_at_pass = 1});
  expect_first_pass(pipeline, (watched){.stop_at_step = 6});
  expect_nothing(pipeline, (watched){.stop_at_step = 2});
  expect_nothing(pipeline, (watched){.stop_at_frame = 2});
}

static void test_buttons(const freeinit_pipeline* pipeline) {
  freeinit_cancel* button = new_button();
  EXPECT(!freeinit_cancel_requested(button));
  expect_first_pass(pipeline, (watched){.stop_at_step = 6, .button = button});
  EXPECT(freeinit_cancel_requested(button));
  expect_nothing(pipeline, (watched){.button = button}); /* it stays pressed */
  freeinit_cancel_free(button);

  button = new_button();
  expect_nothing(pipeline, (watched){.stop_at_step = 2, .button = button});
  freeinit_cancel_free(button);
}

static int count_and_stop(void* user_data, const freeinit_progress* progress) {
  EXPECT(strcmp(progress->phase, "load") == 0);
  return ++*(int*)user_data == 2;
}

static void test_loading(const char* bundle) {
  int stages = 0;
  freeinit_load_options options = {
      .struct_size = sizeof options, .user_data = &stages, .on_progress = count_and_stop};
  freeinit_pipeline* pipeline = NULL;
  EXPECT_ERROR(freeinit_pipeline_load(bundle, &options, &pipeline), FREEINIT_CANCELLED, "stop");
  EXPECT(pipeline == NULL && stages == 2);
  freeinit_cancel* button = new_button();
  freeinit_cancel_request(button);
  options.on_progress = NULL;
  options.cancel = button;
  EXPECT_ERROR(freeinit_pipeline_load(bundle, &options, &pipeline), FREEINIT_CANCELLED, "stop");
  freeinit_cancel_free(button);
}

void test_cancelling(const char* bundle, const freeinit_pipeline* pipeline) {
  test_answers(pipeline);
  test_buttons(pipeline);
  test_loading(bundle);
}
