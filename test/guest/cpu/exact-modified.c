// cc: -frounding-math
// Code that is written anew while arithmetic is exact, and run by a process that rounds otherwise: each finds what is there.
#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char *code;
/** xmm0 = xmm0 / xmm1; then a jump, so that what sets *rdi to n is a block of its own, which may lie in two pages. */
static void write_at(unsigned at, int n) {
  unsigned char text[] = {0xf2, 0x0f, 0x5e, 0xc1, 0xeb, 0x00, 0xc7, 0x07, 0, 0, 0, 0, 0xc3};
  memcpy(text + 8, &n, sizeof n);
  memcpy(code + at, text, sizeof text);
}
static double third(unsigned at, int want, long times) {
  double (*divide)(double, double, int *) = (void *)(code + at);
  double quotient = 0;
  long wrong = 0;
  for (long i = 0; i < times; i++) {
    int n = -1;
    quotient = divide(1, 3, &n);
    wrong += n != want;
  }
  if (wrong) printf("%ld wrong of %d at %u\n", wrong, want, at);
  return quotient;
}

int main(void) {
  static const unsigned places[] = {0, 4096 - 6, 8192 - 9, 13000};
  code = mmap(NULL, 16384, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TONEAREST};
  for (int m = 0; m < 4; m++) {
    if (m > 0) fesetround(modes[m]);
    for (int n = 0; n < 3; n++)
      for (unsigned p = 0; p < 4; p++) {
        write_at(places[p], 10 * m + n);
        printf("%d %d %u %a\n", m, n, places[p], third(places[p], 10 * m + n, n == 1 ? 20000 : 3));
      }
    fflush(stdout);
    if (fork() == 0) {
      fesetround(FE_UPWARD);
      for (unsigned p = 0; p < 4; p++) {
        printf("child %u %a\n", places[p], third(places[p], 10 * m + 2, 5000));
        write_at(places[p], 100 + m);
        printf("child %u %a\n", places[p], third(places[p], 100 + m, 5000));
      }
      fflush(stdout);
      _exit(0);
    }
    wait(NULL);
    for (unsigned p = 0; p < 4; p++) printf("after %u %a\n", places[p], third(places[p], 100 + m, 5000));
  }
  return 0;
}
