/* test_c BUNDLE: what a program in C sees of the library, on the tiny bundle. */

#include "support.h"

#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: test_c BUNDLE\n");
    return 2;
  }
  EXPECT(freeinit_last_error()[0] == '\0');
  freeinit_pipeline* pipeline = NULL;
  EXPECT(freeinit_pipeline_load(argv[1], NULL, &pipeline) == FREEINIT_OK);
  if (pipeline) {
    test_arguments(argv[1], pipeline);
    test_generating(pipeline);
    test_cancelling(argv[1], pipeline);
    test_throwing(pipeline);
  }
  freeinit_pipeline_free(pipeline);
  printf("%d failures\n", num_failures());
  return num_failures() == 0 ? 0 : 1;
}
