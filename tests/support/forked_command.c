// Preloaded into the command, so that a run costs a fork in place of a program start: what LibTorch
// does while it is loaded is done once. Each line on descriptor FORKED_ORDERS names a folder with a
// file `args` (texts that end in NUL: the working folder, the seconds that it may take, the
// program's arguments); a child runs `main`, with `out` and `err` in the folder as its output, and
// FORKED_ANSWERS says how it ended: wait status, seconds, largest resident KiB.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMostArguments = 256, kMostBytes = 65536 };

typedef int (*Main)(int, char**, char**);
static Main program;

static void to_file(const char* name, int descriptor) {
  const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || dup2(file, descriptor) < 0) _exit(125);
  close(file);
}

static void run_in(const char* folder, char** environment) {
  static char text[kMostBytes];
  static char* arguments[kMostArguments + 1];
  if (chdir(folder) != 0) _exit(125);
  const int file = open("args", O_RDONLY);
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  int count = 0;
  for (char* at = text; at < text + size && count < kMostArguments; at += strlen(at) + 1) {
    arguments[count++] = at;
  }
  to_file("out", STDOUT_FILENO);
  to_file("err", STDERR_FILENO);
  if (count < 3 || chdir(arguments[0]) != 0) _exit(125);
  alarm((unsigned)atoi(arguments[1]));  // SIGALRM then ends it
  const int code = program(count - 2, arguments + 2, environment);
  fflush(NULL);
  _exit(code);  // what libraries do at the end waits for threads that a fork has not
}

static int serve(int count, char** arguments, char** environment) {
  (void)count;
  (void)arguments;
  FILE* orders = fdopen(atoi(getenv("FORKED_ORDERS")), "r");
  FILE* answers = fdopen(atoi(getenv("FORKED_ANSWERS")), "w");
  char folder[4096];
  while (fgets(folder, sizeof folder, orders)) {
    folder[strcspn(folder, "\n")] = '\0';
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    const pid_t child = fork();
    if (child == 0) run_in(folder, environment);
    int status = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) return 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    fprintf(answers, "%d %f %ld\n", status,
            (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec),
            usage.ru_maxrss);
    fflush(answers);
  }
  return 0;
}

int __libc_start_main(Main wanted, int count, char** arguments, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void* stack_end) {
  int (*start)(Main, int, char**, void (*)(void), void (*)(void), void (*)(void), void*);
  *(void**)&start = dlsym(RTLD_NEXT, "__libc_start_main");
  program = wanted;
  const int serves = getenv("FORKED_ORDERS") != NULL;
  return start(serves ? serve : wanted, count, arguments, init, fini, loader_fini, stack_end);
}
