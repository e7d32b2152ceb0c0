#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

const char* const kRequest = "{\"prompt\": \"a cat\", \"seed\": 5}";

static int failures = 0;

void expect(int holds, const char* condition, const char* file, int line) {
  if (holds) return;
  printf("%s:%d: does not hold: %s (last error: %s)\n", file, line, condition,
         freeinit_last_error());
  ++failures;
}

int num_failures(void) {
  return failures;
}

void expect_error(freeinit_status got, freeinit_status status, const char* text, const char* file,
                  int line) {
  if (got == status && strstr(freeinit_last_error(), text)) return;
  printf("%s:%d: expected %s with '%s', got %s: %s\n", file, line, freeinit_status_name(status),
         text, freeinit_status_name(got), freeinit_last_error());
  ++failures;
}

uint64_t hash_of(const void* bytes, size_t size, uint64_t hash) {
  const unsigned char* at = bytes;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ at[i]) * 1099511628211ULL;
  return hash;
}

uint64_t hash_of_latents(const freeinit_latents* latents) {
  const int64_t count = latents->channels * latents->frames * latents->height * latents->width;
  return hash_of(latents->data, (size_t)count * sizeof(float), 1);
}

static void* press(void* button) {
  freeinit_cancel_request(button);
  return NULL;
}

/* With a button, another thread presses it. */
static int answer(watched* seen, int count, int stop_at) {
  if (stop_at == 0 || count != stop_at) return 0;
  if (!seen->button) return 1;
  pthread_t other;
  EXPECT(pthread_create(&other, NULL, press, seen->button) == 0);
  EXPECT(pthread_join(other, NULL) == 0);
  return 0;
}

static int on_progress(void* user_data, const freeinit_progress* progress) {
  watched* seen = user_data;
  EXPECT(progress->struct_size == sizeof *progress);
  EXPECT(progress->step <= progress->num_steps && progress->video < progress->num_videos);
  if (strcmp(progress->phase, "decode") == 0 && seen->steps > 0) { /* a bar stays where it was */
    EXPECT(progress->calls == seen->steps && progress->num_calls == 8 && progress->num_passes == 2);
  }
  if (strcmp(progress->phase, "denoise") != 0 || progress->step == 0) return 0;
  EXPECT(progress->calls == seen->steps + 1 && progress->num_calls == 8);
  return answer(seen, ++seen->steps, seen->stop_at_step);
}

static int on_pass(void* user_data, const freeinit_latents* latents) {
  watched* seen = user_data;
  EXPECT(latents->struct_size == sizeof *latents && latents->pass == seen->passes);
  EXPECT(latents->channels == 4 && latents->frames == 4);
  EXPECT(latents->height == 8 && latents->width == 8);
  seen->latents_hash = hash_of_latents(latents);
  return answer(seen, ++seen->passes, seen->stop_at_pass);
}

static int on_frame(void* user_data, const freeinit_frame* frame) {
  watched* seen = user_data;
  EXPECT(frame->struct_size == sizeof *frame);
  EXPECT(frame->height == 16 && frame->width == 16 && frame->num_frames == 4);
  EXPECT(frame->index == seen->frames % 4);
  seen->frames_hash =
      hash_of(frame->rgb, (size_t)(frame->height * frame->width * 3), seen->frames_hash);
  return answer(seen, ++seen->frames, seen->stop_at_frame);
}

static void on_log(void* user_data, int32_t level, const char* message) {
  watched* seen = user_data;
  EXPECT(level >= 0 && level <= 2 && message[0] != '\0');
  ++seen->messages;
}

freeinit_run_options watching(watched* seen) {
  const freeinit_run_options options = {.struct_size = sizeof options,
                                        .user_data = seen,
                                        .on_progress = on_progress,
                                        .on_log = on_log,
                                        .on_pass = on_pass,
                                        .on_frame = on_frame,
                                        .cancel = seen->button};
  return options;
}
