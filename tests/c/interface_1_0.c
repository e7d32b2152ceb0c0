/* Version 1.0 of the C interface as it was released. What fails to compile here is a change that
 * breaks programs which are already built: undo it, or give the interface another major version.
 * A newer minor version may add fields at the end of a struct, and functions. */

#include <freeinit/c/freeinit.h>

#define FIELD(type, field, offset, size)                     \
  _Static_assert(offsetof(type, field) == (offset), #field); \
  _Static_assert(sizeof(((const type*)0)->field) == (size), #field)

_Static_assert(FREEINIT_C_VERSION_MAJOR == 1, "another major version has another record");
_Static_assert(sizeof(void*) == 8 && sizeof(size_t) == 8, "the record is of machines of 64 bits");
_Static_assert(sizeof(freeinit_status) == 4, "int");
_Static_assert(FREEINIT_OK == 0 && FREEINIT_INTERNAL == 1 && FREEINIT_INVALID_ARGUMENT == 2 &&
                   FREEINIT_NOT_FOUND == 3 && FREEINIT_INVALID_FILE == 4 &&
                   FREEINIT_UNSUPPORTED == 5 && FREEINIT_IO == 6 && FREEINIT_MODEL == 7 &&
                   FREEINIT_CANCELLED == 130,
               "exit codes of the command");

FIELD(freeinit_progress, struct_size, 0, 8);
FIELD(freeinit_progress, phase, 8, 8);
FIELD(freeinit_progress, pass, 16, 8);
FIELD(freeinit_progress, num_passes, 24, 8);
FIELD(freeinit_progress, step, 32, 8);
FIELD(freeinit_progress, num_steps, 40, 8);
FIELD(freeinit_progress, video, 48, 8);
FIELD(freeinit_progress, num_videos, 56, 8);
FIELD(freeinit_progress, calls, 64, 8);
FIELD(freeinit_progress, num_calls, 72, 8);

FIELD(freeinit_frame, struct_size, 0, 8);
FIELD(freeinit_frame, rgb, 8, 8);
FIELD(freeinit_frame, height, 16, 8);
FIELD(freeinit_frame, width, 24, 8);
FIELD(freeinit_frame, index, 32, 8);
FIELD(freeinit_frame, num_frames, 40, 8);
FIELD(freeinit_frame, video, 48, 8);

FIELD(freeinit_latents, struct_size, 0, 8);
FIELD(freeinit_latents, data, 8, 8);
FIELD(freeinit_latents, channels, 16, 8);
FIELD(freeinit_latents, frames, 24, 8);
FIELD(freeinit_latents, height, 32, 8);
FIELD(freeinit_latents, width, 40, 8);
FIELD(freeinit_latents, video, 48, 8);
FIELD(freeinit_latents, pass, 56, 8);

FIELD(freeinit_clip, struct_size, 0, 8);
FIELD(freeinit_clip, rgb, 8, 8);
FIELD(freeinit_clip, frames, 16, 8);
FIELD(freeinit_clip, height, 24, 8);
FIELD(freeinit_clip, width, 32, 8);

FIELD(freeinit_load_options, struct_size, 0, 8);
FIELD(freeinit_load_options, user_data, 8, 8);
FIELD(freeinit_load_options, on_progress, 16, 8);
FIELD(freeinit_load_options, on_log, 24, 8);
FIELD(freeinit_load_options, cancel, 32, 8);
FIELD(freeinit_load_options, device, 40, 8);
FIELD(freeinit_load_options, dtype, 48, 8);
FIELD(freeinit_load_options, backend, 56, 8);
FIELD(freeinit_load_options, hash_stamps, 64, 8);
FIELD(freeinit_load_options, skip_hashes, 72, 4);
FIELD(freeinit_load_options, low_memory, 76, 4);

FIELD(freeinit_run_options, struct_size, 0, 8);
FIELD(freeinit_run_options, user_data, 8, 8);
FIELD(freeinit_run_options, on_progress, 16, 8);
FIELD(freeinit_run_options, on_log, 24, 8);
FIELD(freeinit_run_options, on_pass, 32, 8);
FIELD(freeinit_run_options, on_frame, 40, 8);
FIELD(freeinit_run_options, cancel, 48, 8);
FIELD(freeinit_run_options, clip, 56, 8);
FIELD(freeinit_run_options, initial_noise, 64, 8);

typedef struct interface_1_0 {
  int (*progress_fn)(void*, const freeinit_progress*);
  int (*latents_fn)(void*, const freeinit_latents*);
  int (*frame_fn)(void*, const freeinit_frame*);
  void (*log_fn)(void*, int32_t, const char*);
  const char* (*version)(void);
  int32_t (*c_version_major)(void);
  int32_t (*c_version_minor)(void);
  const char* (*status_name)(freeinit_status);
  const char* (*last_error)(void);
  void (*string_free)(char*);
  freeinit_status (*cancel_new)(freeinit_cancel**);
  void (*cancel_request)(freeinit_cancel*);
  int32_t (*cancel_requested)(const freeinit_cancel*);
  void (*cancel_free)(freeinit_cancel*);
  freeinit_status (*bundle_info)(const char*, char**);
  freeinit_status (*pipeline_load)(const char*, const freeinit_load_options*, freeinit_pipeline**);
  const char* (*pipeline_info)(const freeinit_pipeline*);
  void (*pipeline_free)(freeinit_pipeline*);
  freeinit_status (*check_request)(const freeinit_pipeline*, const char*, char**);
  freeinit_status (*generate)(const freeinit_pipeline*, const char*, const freeinit_run_options*,
                              freeinit_result**);
  freeinit_status (*decode)(const freeinit_pipeline*, const char*, const freeinit_latents*,
                            const freeinit_run_options*);
  int32_t (*result_cancelled)(const freeinit_result*);
  const char* (*result_json)(const freeinit_result*);
  int64_t (*result_num_videos)(const freeinit_result*);
  freeinit_status (*result_latents)(const freeinit_result*, int64_t, freeinit_latents*);
  void (*result_free)(freeinit_result*);
} interface_1_0;

/* Another signature is a warning here, and warnings are errors. */
extern const interface_1_0 freeinit_interface_1_0;
const interface_1_0 freeinit_interface_1_0 = {
    (freeinit_progress_fn)0,   (freeinit_latents_fn)0, (freeinit_frame_fn)0,
    (freeinit_log_fn)0,        freeinit_version,       freeinit_c_version_major,
    freeinit_c_version_minor,  freeinit_status_name,   freeinit_last_error,
    freeinit_string_free,      freeinit_cancel_new,    freeinit_cancel_request,
    freeinit_cancel_requested, freeinit_cancel_free,   freeinit_bundle_info,
    freeinit_pipeline_load,    freeinit_pipeline_info, freeinit_pipeline_free,
    freeinit_check_request,    freeinit_generate,      freeinit_decode,
    freeinit_result_cancelled, freeinit_result_json,   freeinit_result_num_videos,
    freeinit_result_latents,   freeinit_result_free,
};
