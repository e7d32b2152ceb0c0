#include "support.h"

#include <pthread.h>
#include <string.h>

static freeinit_latents latents_of(const freeinit_result* result, int64_t video) {
  freeinit_latents latents = {.struct_size = sizeof latents};
  EXPECT(freeinit_result_latents(result, video, &latents) == FREEINIT_OK);
  return latents;
}

static void test_one_video(const freeinit_pipeline* pipeline) {
  watched seen = {0};
  const freeinit_run_options options = watching(&seen);
  freeinit_result* result = NULL;
  EXPECT(freeinit_generate(pipeline, kRequest, &options, &result) == FREEINIT_OK);
  EXPECT(seen.frames == 4 && seen.passes == 2 && seen.steps == 8);
  EXPECT(freeinit_result_num_videos(result) == 1 && !freeinit_result_cancelled(result));
  const char* json = freeinit_result_json(result);
  EXPECT(strstr(json, "\"seed\":5") && strstr(json, "\"completed_passes\":2"));
  EXPECT(strstr(json, "\"unet_calls\":8") && strstr(json, "\"calls_per_pass\":[[4,4]]"));

  const freeinit_latents latents = latents_of(result, 0);
  EXPECT(hash_of_latents(&latents) == seen.latents_hash && latents.pass == 1);
  watched again = {0};
  const freeinit_run_options decoding = watching(&again);
  EXPECT(freeinit_decode(pipeline, NULL, &latents, &decoding) == FREEINIT_OK);
  EXPECT(again.frames == 4 && again.frames_hash == seen.frames_hash);
  freeinit_latents none = {.struct_size = sizeof none};
  EXPECT_ERROR(freeinit_result_latents(result, 1, &none), FREEINIT_INVALID_ARGUMENT, "video '1'");
  EXPECT_ERROR(freeinit_result_latents(result, -1, &none), FREEINIT_INVALID_ARGUMENT, "video '-1'");
  none.struct_size = 1;
  EXPECT_ERROR(freeinit_result_latents(result, 0, &none), FREEINIT_INVALID_ARGUMENT, "struct_size");
  freeinit_result_free(result);
}

/* Every setting of the authors' rules counts, how bytes are made of numbers too. */
static void test_profile(const freeinit_pipeline* pipeline) {
  watched seen = {0}, cut = {0};
  freeinit_run_options options = watching(&seen);
  freeinit_result* result = NULL;
  EXPECT(freeinit_generate(pipeline, kRequest, &options, &result) == FREEINIT_OK);
  const freeinit_latents latents = latents_of(result, 0);
  options = watching(&cut);
  EXPECT(freeinit_decode(pipeline, "{\"profile\": \"official\"}", &latents, &options) ==
         FREEINIT_OK);
  EXPECT(cut.frames == 4 && cut.frames_hash != seen.frames_hash);
  freeinit_result_free(result);
}

static uint64_t video_of_seed(const freeinit_pipeline* pipeline, const char* request) {
  watched seen = {0};
  freeinit_run_options options = watching(&seen);
  options.on_progress = NULL;
  options.on_pass = NULL;
  EXPECT(freeinit_generate(pipeline, request, &options, NULL) == FREEINIT_OK);
  return seen.frames_hash;
}

typedef struct task {
  const freeinit_pipeline* pipeline;
  const char* request;
  uint64_t hash;
} task;

static void* run_task(void* argument) {
  task* mine = argument;
  EXPECT(freeinit_last_error()[0] == '\0'); /* another thread's errors are its own */
  for (int i = 0; i < 3; ++i) mine->hash = video_of_seed(mine->pipeline, mine->request);
  return NULL;
}

static void test_threads(const freeinit_pipeline* pipeline) {
  task tasks[2] = {{pipeline, kRequest, 0}, {pipeline, "{\"prompt\": \"a dog\", \"seed\": 6}", 0}};
  EXPECT(freeinit_last_error()[0] != '\0');
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) {
    EXPECT(pthread_create(&threads[i], NULL, run_task, &tasks[i]) == 0);
  }
  for (int i = 0; i < 2; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
  for (int i = 0; i < 2; ++i) {
    EXPECT(tasks[i].hash == video_of_seed(pipeline, tasks[i].request));
  }
  EXPECT(tasks[0].hash != tasks[1].hash);
}

static void test_several_videos(const freeinit_pipeline* pipeline) {
  freeinit_result *both = NULL, *second = NULL;
  EXPECT(freeinit_generate(pipeline, "{\"prompt\": \"a cat\", \"seed\": 4, \"num_videos\": 2}",
                           NULL, &both) == FREEINIT_OK);
  EXPECT(freeinit_generate(pipeline, kRequest, NULL, &second) == FREEINIT_OK);
  EXPECT(freeinit_result_num_videos(both) == 2);
  const freeinit_latents of_both = latents_of(both, 1), alone = latents_of(second, 0);
  EXPECT(hash_of_latents(&of_both) == hash_of_latents(&alone) && of_both.video == 1);
  freeinit_result_free(both);
  freeinit_result_free(second);
}

static void test_starts(const freeinit_pipeline* pipeline) {
  static uint8_t pixels[4 * 20 * 24 * 3];
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)(i * 7);
  freeinit_clip clip = {
      .struct_size = sizeof clip, .rgb = pixels, .frames = 4, .height = 20, .width = 24};
  watched plain = {0}, noise = {0}, half = {0};
  freeinit_run_options options = watching(&plain);
  EXPECT(freeinit_generate(pipeline, kRequest, &options, NULL) == FREEINIT_OK);
  options = watching(&noise);
  options.clip = &clip;
  EXPECT(freeinit_generate(pipeline, kRequest, &options, NULL) == FREEINIT_OK);
  options = watching(&half);
  options.clip = &clip;
  options.on_progress = NULL; /* other calls than it expects */
  EXPECT(freeinit_generate(pipeline, "{\"prompt\": \"\", \"strength\": 0.5, \"seed\": 5}", &options,
                           NULL) == FREEINIT_OK);
  EXPECT(plain.frames_hash != noise.frames_hash && noise.frames_hash != half.frames_hash);
  EXPECT_ERROR(freeinit_generate(pipeline, "{\"prompt\": \"\", \"strength\": 0.5}", NULL, NULL),
               FREEINIT_INVALID_ARGUMENT, "strength");
  clip.frames = 3;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
               "clip.frames '3'");
  clip.frames = 4;
  clip.width = 0;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
               "clip: a size is '0'");
  clip.width = INT64_MAX;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
               "clip: a size is '9223372036854775807'");
  clip.rgb = NULL;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
               "argument 'clip.rgb': is NULL");

  static float zeros[4 * 4 * 8 * 8];
  freeinit_latents noise_of_mine = {.struct_size = sizeof noise_of_mine,
                                    .data = zeros,
                                    .channels = 4,
                                    .frames = 4,
                                    .height = 8,
                                    .width = 8};
  const uint64_t zeros_hash = hash_of_latents(&noise_of_mine);
  watched mine = {0};
  options = watching(&mine);
  options.initial_noise = &noise_of_mine;
  EXPECT(freeinit_generate(pipeline, kRequest, &options, NULL) == FREEINIT_OK);
  EXPECT(mine.frames_hash != plain.frames_hash);
  EXPECT(hash_of_latents(&noise_of_mine) == zeros_hash); /* it is read only */
  noise_of_mine.channels = noise_of_mine.frames = noise_of_mine.height = 65536;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
               "latents: a size is '65536'");
  noise_of_mine.frames = 4;
  noise_of_mine.height = 8;
  noise_of_mine.channels = 3;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
               "initial noise");
}

void test_generating(const freeinit_pipeline* pipeline) {
  test_one_video(pipeline);
  test_profile(pipeline);
  test_threads(pipeline);
  test_several_videos(pipeline);
  test_starts(pipeline);
}
