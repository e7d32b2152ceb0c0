#ifndef FREEINIT_C_FREEINIT_H
#define FREEINIT_C_FREEINIT_H

/// @file
/// The C interface of freeinit: text to video on a loaded bundle, for C and for every language that
/// calls C. It is stable: what is here keeps its meaning and layout while FREEINIT_C_VERSION_MAJOR
/// stays the same; a minor version adds functions, and fields at the end of structs.
///
/// Errors. A function that can fail returns a freeinit_status and leaves what it would have made
/// NULL; `freeinit_last_error` has the line that says why. No exception leaves the library.
///
/// Text is UTF-8 and ends with a zero byte. Settings of a video are one JSON object with the keys
/// of `freeinit generate --json` that are settings of a video ("prompt", "seed", "num_iters", ...);
/// what is left out is as the bundle recommends, and "seed" 0. Only "prompt" may not be left out.
///
/// Structs begin with `struct_size`. Whoever fills one sets all its bytes to zero, then
/// `struct_size` to `sizeof` of the struct; a field that is zero has its default. A struct of a
/// newer minor version is taken while what this library does not know in it is zero, else the
/// answer is FREEINIT_UNSUPPORTED. Those that a callback is given may be longer than `struct_size`
/// of an older header says: look only at the fields of your own.
///
/// Threads. A pipeline may serve any number of threads at once, and a cancel token may be used from
/// any thread. A result belongs to one thread at a time. Callbacks run on the thread that called
/// the function they were given to. Nothing may be freed while a call that uses it runs. The number
/// of threads inside a network is LibTorch's: set OMP_NUM_THREADS before the program starts, and
/// GOMP_SPINCOUNT=1000, which docs/embedding.md explains. OpenMP reads both while it is loaded.

#include <stddef.h>
#include <stdint.h>

#define FREEINIT_C_VERSION_MAJOR 1  ///< another number: another interface, another soname
#define FREEINIT_C_VERSION_MINOR 0  ///< grows with what is added

#if defined(_WIN32)
#error "freeinit has no build for Windows"
#else
/// What the library exports.
#define FREEINIT_C_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// What became of a call. The numbers are those of the command's exit codes.
typedef enum freeinit_status {
  FREEINIT_OK = 0,                ///< done
  FREEINIT_INTERNAL = 1,          ///< a broken promise inside the library
  FREEINIT_INVALID_ARGUMENT = 2,  ///< a setting outside its range, NULL where it may not be, ...
  FREEINIT_NOT_FOUND = 3,         ///< a file, folder or manifest key that is not there
  FREEINIT_INVALID_FILE = 4,      ///< a damaged file; text that is no JSON object
  FREEINIT_UNSUPPORTED = 5,       ///< a valid wish this build, model or machine cannot fulfil
  FREEINIT_IO = 6,                ///< reading failed
  FREEINIT_MODEL = 7,             ///< a network failed, for instance for lack of memory
  FREEINIT_CANCELLED = 130        ///< stopped before there was anything to keep
} freeinit_status;

/// A loaded bundle. It does not change: threads may share it.
typedef struct freeinit_pipeline freeinit_pipeline;

/// A button that ends the calls which were given it. Pressed, it stays so.
typedef struct freeinit_cancel freeinit_cancel;

/// What a run has made: its report and the latents of its videos.
typedef struct freeinit_result freeinit_result;

/// Where a call stands. Numbers count finished work: a pass begins at step 0, and
/// `step == num_steps` is its end.
typedef struct freeinit_progress {
  size_t struct_size;  ///< sizeof of the struct, as its maker knows it
  const char* phase;   ///< load, encode, invert, denoise, reinit or decode
  int64_t pass;        ///< FreeInit pass, from 0 (denoise, reinit, decode)
  int64_t num_passes;  ///< 1: plain sampling
  int64_t step;        ///< units done in this phase and pass: steps, frames
  int64_t num_steps;   ///< units of this phase and pass
  int64_t video;       ///< from 0; videos run one after another
  int64_t num_videos;  ///< of the request
  int64_t calls;       ///< network calls done for this video (denoise, reinit, decode)
  int64_t num_calls;   ///< what `calls` will be in the end, at most; 0: not known yet
} freeinit_progress;

/// One decoded frame.
typedef struct freeinit_frame {
  size_t struct_size;  ///< sizeof of the struct, as its maker knows it
  /// height x width x 3 bytes, red green blue, row by row from the top, without gaps. The
  /// library's, and gone when the callback returns.
  const uint8_t* rgb;
  int64_t height;      ///< pixels
  int64_t width;       ///< pixels
  int64_t index;       ///< of the frame in its video, from 0; frames come in order
  int64_t num_frames;  ///< of the video
  int64_t video;       ///< from 0
} freeinit_frame;

/// The latents of one video: channels x frames x height x width numbers, row-major, no gaps.
typedef struct freeinit_latents {
  size_t struct_size;  ///< sizeof of the struct, as its maker knows it
  const float* data;   ///< the giver's: see where it is given
  int64_t channels;    ///< of a latent
  int64_t frames;      ///< of the video
  int64_t height;      ///< latents, not pixels
  int64_t width;       ///< latents, not pixels
  int64_t video;       ///< from 0
  int64_t pass;        ///< complete FreeInit passes behind it less one: 0 is the first pass
} freeinit_latents;

/// A clip of the caller's own: frames x height x width x 3 bytes, as those of freeinit_frame.
typedef struct freeinit_clip {
  size_t struct_size;  ///< sizeof of the struct, as its maker knows it
  const uint8_t* rgb;  ///< the caller's; read before the first network call, not kept
  int64_t frames;      ///< as many as the request's num_frames
  int64_t height;      ///< pixels; of any size: it is fitted to that of the request, not distorted
  int64_t width;       ///< pixels
} freeinit_clip;

// Callbacks. `user_data` is that of the options. One that returns anything but 0 ends the call as a
// cancel token does; while frames are decoded on_frame alone can. What they are given is the
// library's and gone when they return. They may call any function of this header but the free
// functions of what the running call uses.

/// Told where a call stands.
typedef int (*freeinit_progress_fn)(void* user_data, const freeinit_progress* progress);

/// Given the latents of a complete pass.
typedef int (*freeinit_latents_fn)(void* user_data, const freeinit_latents* latents);

/// Given a frame. Anything but 0 ends the call at once, with FREEINIT_CANCELLED: no frame comes
/// after it.
typedef int (*freeinit_frame_fn)(void* user_data, const freeinit_frame* frame);

/// Given a message of one line. `level`: 0 detail, 1 information, 2 warning.
typedef void (*freeinit_log_fn)(void* user_data, int32_t level, const char* message);

/// How a bundle is loaded. All zero but `struct_size`: on the CPU, by the fastest backend there.
typedef struct freeinit_load_options {
  size_t struct_size;                ///< sizeof of the struct, as its maker knows it
  void* user_data;                   ///< for the callbacks
  freeinit_progress_fn on_progress;  ///< NULL: not told
  freeinit_log_fn on_log;            ///< NULL: messages are dropped
  const freeinit_cancel* cancel;     ///< asked between the stages of loading
  const char* device;                ///< "cpu", "cuda" or "cuda:N"
  const char* dtype;                 ///< "float32", "float16" or "bfloat16"; NULL: as stored
  const char* backend;      ///< what runs the UNet, as --backend; NULL: chosen for model and device
  const char* hash_stamps;  ///< file that remembers verified files; NULL: every file is hashed
  int32_t skip_hashes;      ///< not 0: sizes are checked, SHA-256 is not
  int32_t low_memory;  ///< not 0: text encoder and autoencoder are read when needed, let go after
} freeinit_load_options;

/// What a run is watched by and starts from.
typedef struct freeinit_run_options {
  size_t struct_size;                ///< sizeof of the struct, as its maker knows it
  void* user_data;                   ///< for the callbacks
  freeinit_progress_fn on_progress;  ///< NULL: not told
  freeinit_log_fn on_log;            ///< NULL: messages are dropped
  freeinit_latents_fn on_pass;       ///< after each complete pass: for previews
  freeinit_frame_fn on_frame;        ///< each frame as it is decoded; NULL: nothing is decoded
  const freeinit_cancel* cancel;     ///< asked between two network calls
  /// NULL, or a real video: the run starts from its noise, or with a "strength" from the video
  /// itself.
  const freeinit_clip* clip;
  /// NULL, or unit-variance noise in place of the first draw, the same for every video; not
  /// together with a clip, without NaN and infinity. The caller's, read until the call returns.
  const freeinit_latents* initial_noise;
} freeinit_run_options;

/// The version of the library, "0.2.0". Static.
FREEINIT_C_API const char* freeinit_version(void);

/// FREEINIT_C_VERSION_MAJOR of the library that is loaded.
FREEINIT_C_API int32_t freeinit_c_version_major(void);
/// FREEINIT_C_VERSION_MINOR of the library that is loaded.
FREEINIT_C_API int32_t freeinit_c_version_minor(void);

/// The word for a status: "ok", "invalid_argument", ..., "unknown". Static.
FREEINIT_C_API const char* freeinit_status_name(freeinit_status status);

/// One line on the last call of this thread that failed: the thing, its value, what was expected.
/// Never NULL; "" before any failed. It stays until the next failure on this thread.
FREEINIT_C_API const char* freeinit_last_error(void);

/// Gives back a text that a function made with `char**`. NULL is allowed.
FREEINIT_C_API void freeinit_string_free(char* text);

/// A new token, to be freed by freeinit_cancel_free.
FREEINIT_C_API freeinit_status freeinit_cancel_new(freeinit_cancel** cancel);

/// Ends the calls that have this token after their current network call; while frames are decoded
/// it changes nothing. From any thread, not from a signal handler. NULL is allowed.
FREEINIT_C_API void freeinit_cancel_request(freeinit_cancel* cancel);

/// 1 after freeinit_cancel_request, else 0; 0 for NULL.
FREEINIT_C_API int32_t freeinit_cancel_requested(const freeinit_cancel* cancel);

/// Frees a token. NULL is allowed.
FREEINIT_C_API void freeinit_cancel_free(freeinit_cancel* cancel);

/// What the bundle in `folder` is, without reading its networks or hashing files:
///   {"bundle": FOLDER, "manifest": its manifest.json, "recommended": {the settings of a request}}
/// `*json` is to be freed by freeinit_string_free.
FREEINIT_C_API freeinit_status freeinit_bundle_info(const char* folder, char** json);

/// Loads the bundle in `folder`, checked whole. `options` may be NULL. Errors: INVALID_ARGUMENT
/// (unknown device, dtype or backend), NOT_FOUND, INVALID_FILE, IO, UNSUPPORTED (schema, dtype,
/// device, backend), MODEL (memory), CANCELLED.
FREEINIT_C_API freeinit_status freeinit_pipeline_load(const char* folder,
                                                      const freeinit_load_options* options,
                                                      freeinit_pipeline** pipeline);

/// The same JSON as freeinit_bundle_info, and "device", "dtype" and "backend" of what was loaded.
/// The pipeline's: valid until it is freed. NULL for NULL.
FREEINIT_C_API const char* freeinit_pipeline_info(const freeinit_pipeline* pipeline);

/// Frees a pipeline. NULL is allowed.
FREEINIT_C_API void freeinit_pipeline_free(freeinit_pipeline* pipeline);

/// Refuses a request that this pipeline cannot run, without running a network. Else `*json` has all
/// its settings, those left out included, and "planned_calls", the network calls of a run without a
/// clip; `json` may be NULL. To be freed by freeinit_string_free. Errors: INVALID_ARGUMENT (unknown
/// keys and no "prompt", too), INVALID_FILE (no JSON object), UNSUPPORTED.
FREEINIT_C_API freeinit_status freeinit_check_request(const freeinit_pipeline* pipeline,
                                                      const char* request, char** json);

/// Makes the videos of a request: for each, `on_pass` after every pass, then `on_frame` for every
/// frame. The bytes are those that the command writes with the same seed. `options` may be NULL;
/// `result` too where nobody wants it. Cancelled by the token, by `on_progress` or by `on_pass`
/// after a complete pass, the run is a success: the frames are those of that pass, and
/// freeinit_result_cancelled says so. Errors: those of freeinit_check_request, MODEL, CANCELLED (no
/// pass complete, or `on_frame` said so).
FREEINIT_C_API freeinit_status freeinit_generate(const freeinit_pipeline* pipeline,
                                                 const char* request,
                                                 const freeinit_run_options* options,
                                                 freeinit_result** result);

/// Decodes latents to frames for `options->on_frame`, which may not be NULL: those of an earlier
/// run, or inside `on_pass` as a preview. Of `request`, which may be NULL, only "profile",
/// "decode_chunk_size" and the "vae_" settings count. Errors: INVALID_ARGUMENT, MODEL, CANCELLED.
FREEINIT_C_API freeinit_status freeinit_decode(const freeinit_pipeline* pipeline,
                                               const char* request, const freeinit_latents* latents,
                                               const freeinit_run_options* options);

/// 1 if the run was stopped early, else 0; 0 for NULL.
FREEINIT_C_API int32_t freeinit_result_cancelled(const freeinit_result* result);

/// The settings of the run by the names of `generate --json`, and what came of them: "cancelled",
/// "completed_passes" (of the last video), "unet_calls", "unet_calls_saved", "calls_per_pass" (a
/// list a video), "seconds" (by phase), "model", "device", "dtype", "backend", "version". The
/// result's: valid until it is freed. NULL for NULL.
FREEINIT_C_API const char* freeinit_result_json(const freeinit_result* result);

/// How many videos there are: after a stop fewer than asked for. 0 for NULL.
FREEINIT_C_API int64_t freeinit_result_num_videos(const freeinit_result* result);

/// The final latents of a video. The caller sets `latents->struct_size`; `data` is the result's:
/// valid until it is freed. Errors: INVALID_ARGUMENT (no such video).
FREEINIT_C_API freeinit_status freeinit_result_latents(const freeinit_result* result, int64_t video,
                                                       freeinit_latents* latents);

/// Frees a result. NULL is allowed.
FREEINIT_C_API void freeinit_result_free(freeinit_result* result);

#ifdef __cplusplus
}
#endif

#endif
