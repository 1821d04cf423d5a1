// cc: -frounding-math
// Rounding belongs to a thread: two of one process with different modes, beside a process with the one or the other, each
// of them hot and in the same code.
#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile double one = 1, three = 3;
static volatile float small = 1e-30f;

static const double quotient[2] = {0x1.5555555555555p-2, 0x1.5555555555556p-2};
static __attribute__((noinline)) long wrong(int up, long n) {
  long bad = 0;
  for (long i = 0; i < n; i++) {
    bad += one / three != quotient[up];
    bad += 1.0f + small != (up ? 1.0f + 0x1p-23f : 1.0f);
  }
  return bad;
}
static void *run(void *up) {
  fesetround(up ? FE_UPWARD : FE_TONEAREST);
  long bad = 0;
  for (int i = 0; i < 20; i++) {
    bad += wrong(up != NULL, 20000);
    if (i > 15) usleep(1);
  }
  return (void *)bad;
}

int main(void) {
  // In this order, so that they take turns in it.
  for (long up = 0; up < 2; up++) {
    pthread_t t[2];
    void *bad[2];
    fflush(stdout);
    pthread_create(&t[0], NULL, run, NULL);
    int pid = fork();
    if (pid == 0) _exit(run((void *)up) != NULL);
    pthread_create(&t[1], NULL, run, (void *)1);
    for (int k = 0; k < 2; k++) pthread_join(t[k], &bad[k]);
    int status;
    waitpid(pid, &status, 0);
    printf("wrong: %ld to nearest, %ld upward, %x in the process beside them\n", (long)bad[0], (long)bad[1], status);
  }
  return 0;
}
