#include "support.h"

#include <stdlib.h>
#include <string.h>

/* Any address: what must stay, or become NULL. */
#define ANYTHING ((void*)&marker)
static int marker;

static void test_versions(void) {
  EXPECT(freeinit_c_version_major() == FREEINIT_C_VERSION_MAJOR);
  EXPECT(freeinit_c_version_minor() == FREEINIT_C_VERSION_MINOR);
  EXPECT(strchr(freeinit_version(), '.') != NULL);
  EXPECT(strcmp(freeinit_status_name(FREEINIT_OK), "ok") == 0);
  EXPECT(strcmp(freeinit_status_name(FREEINIT_CANCELLED), "cancelled") == 0);
  EXPECT(strcmp(freeinit_status_name((freeinit_status)99), "unknown") == 0);
}

static void test_nulls(const char* bundle, const freeinit_pipeline* pipeline) {
  const freeinit_status invalid = FREEINIT_INVALID_ARGUMENT;
  freeinit_pipeline* loaded = ANYTHING;
  EXPECT_ERROR(freeinit_pipeline_load(NULL, NULL, &loaded), invalid, "argument 'folder': is NULL");
  EXPECT(loaded == NULL);
  EXPECT_ERROR(freeinit_pipeline_load(bundle, NULL, NULL), invalid, "argument 'pipeline': is NULL");
  char* json = ANYTHING;
  EXPECT_ERROR(freeinit_bundle_info(NULL, &json), invalid, "argument 'folder': is NULL");
  EXPECT(json == NULL);
  EXPECT_ERROR(freeinit_bundle_info(bundle, NULL), invalid, "argument 'json': is NULL");
  EXPECT_ERROR(freeinit_check_request(NULL, kRequest, &json), invalid,
               "argument 'pipeline': is NULL");
  EXPECT_ERROR(freeinit_check_request(pipeline, NULL, &json), invalid,
               "argument 'request': is NULL");
  freeinit_result* result = ANYTHING;
  EXPECT_ERROR(freeinit_generate(NULL, kRequest, NULL, &result), invalid,
               "argument 'pipeline': is NULL");
  EXPECT(result == NULL);
  EXPECT_ERROR(freeinit_generate(pipeline, NULL, NULL, &result), invalid,
               "argument 'request': is NULL");
  EXPECT_ERROR(freeinit_cancel_new(NULL), invalid, "argument 'cancel': is NULL");
  freeinit_latents latents = {.struct_size = sizeof latents};
  EXPECT_ERROR(freeinit_result_latents(NULL, 0, &latents), invalid, "argument 'result': is NULL");
  watched seen = {0};
  freeinit_run_options options = watching(&seen);
  EXPECT_ERROR(freeinit_decode(NULL, NULL, &latents, &options), invalid,
               "argument 'pipeline': is NULL");
  EXPECT_ERROR(freeinit_decode(pipeline, NULL, NULL, &options), invalid,
               "argument 'latents': is NULL");
  EXPECT_ERROR(freeinit_decode(pipeline, NULL, &latents, NULL), invalid,
               "argument 'run_options.on_frame': is NULL");
  options.on_frame = NULL;
  EXPECT_ERROR(freeinit_decode(pipeline, NULL, &latents, &options), invalid,
               "argument 'run_options.on_frame': is NULL");

  EXPECT(freeinit_pipeline_info(NULL) == NULL && freeinit_result_json(NULL) == NULL);
  EXPECT(freeinit_result_num_videos(NULL) == 0 && freeinit_result_cancelled(NULL) == 0);
  EXPECT(freeinit_cancel_requested(NULL) == 0);
  freeinit_cancel_request(NULL);
  freeinit_cancel_free(NULL);
  freeinit_pipeline_free(NULL);
  freeinit_result_free(NULL);
  freeinit_string_free(NULL);
}

/* A caller with a newer header: two fields that this library does not know. */
typedef struct newer_options {
  freeinit_run_options known;
  int64_t number;
  const void* pointer;
} newer_options;

static void test_struct_sizes(const char* bundle, const freeinit_pipeline* pipeline) {
  const size_t sizes[] = {0, 8, sizeof(freeinit_run_options) - 1, 4097, (size_t)-1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    freeinit_run_options options = {.struct_size = sizes[i]};
    EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &options, NULL), FREEINIT_INVALID_ARGUMENT,
                 "run_options.struct_size '");
  }
  freeinit_load_options loading = {.struct_size = 8};
  freeinit_pipeline* loaded = NULL;
  EXPECT_ERROR(freeinit_pipeline_load(bundle, &loading, &loaded), FREEINIT_INVALID_ARGUMENT,
               "load_options.struct_size '8'");

  newer_options newer = {.known = {.struct_size = sizeof newer}};
  EXPECT(freeinit_generate(pipeline, kRequest, &newer.known, NULL) == FREEINIT_OK);
  newer.pointer = ANYTHING;
  EXPECT_ERROR(freeinit_generate(pipeline, kRequest, &newer.known, NULL), FREEINIT_UNSUPPORTED,
               "does not know");
}

static void test_requests(const freeinit_pipeline* pipeline) {
  struct {
    const char* request;
    freeinit_status status;
    const char* says;
  } refused[] = {
      {"", FREEINIT_INVALID_FILE, "JSON"},
      {"[1]", FREEINIT_INVALID_FILE, "expected a JSON object"},
      {"{\"seed\": 1, \"seed\": 2}", FREEINIT_INVALID_FILE, "twice"},
      {"{}", FREEINIT_INVALID_ARGUMENT, "'prompt' is missing"},
      {"{\"num_frame\": 4}", FREEINIT_INVALID_ARGUMENT, "num_frames"},
      {"{\"num_frames\": \"x\"}", FREEINIT_INVALID_ARGUMENT, "num_frames 'x'"},
      {"{\"prompt\": \"\", \"num_frames\": 0}", FREEINIT_INVALID_ARGUMENT, "number of frames '0'"},
      {"{\"prompt\": \"\", \"width\": 17}", FREEINIT_INVALID_ARGUMENT, "17"},
      {"{\"filter\": \"nothing\"}", FREEINIT_INVALID_ARGUMENT, "nothing"},
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
    char* json = ANYTHING;
    EXPECT_ERROR(freeinit_check_request(pipeline, refused[i].request, &json), refused[i].status,
                 refused[i].says);
    EXPECT(json == NULL);
    EXPECT_ERROR(freeinit_generate(pipeline, refused[i].request, NULL, NULL), refused[i].status,
                 refused[i].says);
  }
  char* json = NULL;
  EXPECT(freeinit_check_request(pipeline, kRequest, &json) == FREEINIT_OK);
  EXPECT(json && strstr(json, "\"prompt\":\"a cat\"") && strstr(json, "\"num_iters\":2"));
  EXPECT(json && strstr(json, "\"planned_calls\":8"));
  freeinit_string_free(json);
  EXPECT(freeinit_check_request(pipeline, "{\"prompt\": \"\", \"strength\": 0.5}", NULL) ==
         FREEINIT_OK);
}

static void test_loading(const char* bundle) {
  freeinit_pipeline* loaded = ANYTHING;
  char* json = NULL;
  EXPECT_ERROR(freeinit_pipeline_load("/nowhere", NULL, &loaded), FREEINIT_NOT_FOUND, "/nowhere");
  EXPECT(loaded == NULL);
  EXPECT_ERROR(freeinit_bundle_info("/nowhere", &json), FREEINIT_NOT_FOUND, "/nowhere");
  freeinit_load_options options = {.struct_size = sizeof options, .device = "tpu"};
  EXPECT_ERROR(freeinit_pipeline_load(bundle, &options, &loaded), FREEINIT_INVALID_ARGUMENT, "tpu");
  options.device = NULL;
  options.dtype = "float8";
  EXPECT_ERROR(freeinit_pipeline_load(bundle, &options, &loaded), FREEINIT_INVALID_ARGUMENT,
               "float8");
  options.dtype = "float32";
  options.backend = "abacus";
  EXPECT_ERROR(freeinit_pipeline_load(bundle, &options, &loaded), FREEINIT_INVALID_ARGUMENT,
               "abacus");

  const freeinit_load_options slow = {.struct_size = sizeof slow,
                                      .device = "cpu",
                                      .dtype = "float32",
                                      .backend = "torchscript",
                                      .skip_hashes = 1,
                                      .low_memory = 1};
  EXPECT(freeinit_pipeline_load(bundle, &slow, &loaded) == FREEINIT_OK);
  EXPECT(loaded && strstr(freeinit_pipeline_info(loaded), "\"backend\":\"torchscript\""));
  EXPECT(loaded && strstr(freeinit_pipeline_info(loaded), "\"recommended\":{"));
  freeinit_pipeline_free(loaded);
  EXPECT(freeinit_bundle_info(bundle, &json) == FREEINIT_OK);
  EXPECT(json && strstr(json, "\"schema\":1") && !strstr(json, "\"backend\":\""));
  freeinit_string_free(json);
}

void test_arguments(const char* bundle, const freeinit_pipeline* pipeline) {
  test_versions();
  test_nulls(bundle, pipeline);
  test_struct_sizes(bundle, pipeline);
  test_requests(pipeline);
  test_loading(bundle);
}
