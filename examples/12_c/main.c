/* Text to video from C: progress, and frames as PPM pictures while they are decoded.
 *
 *   text_to_video_c BUNDLE PROMPT FOLDER
 */

#include <freeinit/c/freeinit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show_progress(void* user_data, const freeinit_progress* progress) {
  (void)user_data;
  if (strcmp(progress->phase, "denoise") == 0) {
    fprintf(stderr, "\rcall %d of %d", (int)progress->calls, (int)progress->num_calls);
  }
  return 0; /* anything else would stop the run */
}

/* `user_data` is the folder. */
static int write_frame(void* user_data, const freeinit_frame* frame) {
  char path[4096];
  snprintf(path, sizeof path, "%s/frame_%04d.ppm", (const char*)user_data, (int)frame->index);
  FILE* file = fopen(path, "wb");
  if (!file) {
    perror(path); /* the call only says that on_frame ended it */
    return 1;
  }
  fprintf(file, "P6\n%d %d\n255\n", (int)frame->width, (int)frame->height);
  const size_t size = (size_t)(frame->height * frame->width * 3);
  const int failed = fwrite(frame->rgb, 1, size, file) != size;
  return fclose(file) != 0 || failed;
}

/* The JSON object of a request. Quotes, backslashes and control characters of the prompt, which may
 * not stand in a JSON text, are written by their numbers. NULL: no memory. */
static char* new_request(const char* prompt) {
  char* request = malloc(6 * strlen(prompt) + 64);
  if (!request) return NULL;
  char* end = request + sprintf(request, "{\"seed\": 42, \"num_iters\": 3, \"prompt\": \"");
  for (; *prompt; ++prompt) {
    const unsigned char byte = (unsigned char)*prompt;
    if (byte == '"' || byte == '\\' || byte < 0x20) {
      end += sprintf(end, "\\u%04x", (unsigned)byte);
    } else {
      *end++ = *prompt;
    }
  }
  strcpy(end, "\"}");
  return request;
}

static freeinit_status run(const char* bundle, const char* request, char* folder) {
  freeinit_pipeline* pipeline = NULL;
  freeinit_status status = freeinit_pipeline_load(bundle, NULL, &pipeline);
  if (status != FREEINIT_OK) return status;

  freeinit_run_options options = {.struct_size = sizeof options};
  options.user_data = folder;
  options.on_progress = show_progress;
  options.on_frame = write_frame;
  freeinit_result* result = NULL;
  status = freeinit_generate(pipeline, request, &options, &result);
  if (status == FREEINIT_OK) printf("%s\n", freeinit_result_json(result));

  freeinit_result_free(result);
  freeinit_pipeline_free(pipeline);
  return status;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: text_to_video_c BUNDLE PROMPT FOLDER\n");
    return 2;
  }
  char* request = new_request(argv[2]);
  if (!request) {
    fprintf(stderr, "error: out of memory\n");
    return EXIT_FAILURE;
  }
  const freeinit_status status = run(argv[1], request, argv[3]);
  free(request);
  if (status != FREEINIT_OK) fprintf(stderr, "\nerror: %s\n", freeinit_last_error());
  return status;
}
