#ifndef FREEINIT_TESTS_C_SUPPORT_H
#define FREEINIT_TESTS_C_SUPPORT_H

#include <freeinit/c/freeinit.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A test that fails says where and goes on. */
#define EXPECT(condition) expect((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
void expect(int holds, const char* condition, const char* file, int line);
int num_failures(void);

/* The call failed with this status, and the message has this text. */
#define EXPECT_ERROR(call, status, text) expect_error((call), (status), (text), __FILE__, __LINE__)
void expect_error(freeinit_status got, freeinit_status status, const char* text, const char* file,
                  int line);

/* Settings that take milliseconds: 4 frames of 16x16, 2 passes of 4 steps. */
extern const char* const kRequest;

/* What a run showed of itself, and when it is to be stopped. */
typedef struct watched {
  int frames;
  uint64_t frames_hash; /* of all bytes of all frames */
  int passes;
  uint64_t latents_hash; /* of the last pass */
  int steps;
  int messages;
  int stop_at_step;  /* stop where `steps` reaches it: by the answer, or by `button` if there is one
                      */
  int stop_at_pass;  /* the same of `passes` */
  int stop_at_frame; /* the same of `frames` */
  freeinit_cancel* button;
} watched;

/* Options whose callbacks fill in a `watched`. */
freeinit_run_options watching(watched* seen);

uint64_t hash_of(const void* bytes, size_t size, uint64_t hash);
uint64_t hash_of_latents(const freeinit_latents* latents);

void test_arguments(const char* bundle, const freeinit_pipeline* pipeline);
void test_cancelling(const char* bundle, const freeinit_pipeline* pipeline);
void test_generating(const freeinit_pipeline* pipeline);
void test_throwing(const freeinit_pipeline* pipeline);

#ifdef __cplusplus
}
#endif

#endif
