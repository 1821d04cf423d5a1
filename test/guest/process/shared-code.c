// Code that parent and child both know, and that only the child makes hot, runs on in the parent.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned __attribute__((noinline)) step(unsigned x) { return x & 1 ? x * 3 + 1 : x / 2; }
static unsigned __attribute__((noinline)) shift(unsigned x) { return x >> 3 ^ x << 5; }
static unsigned (*volatile functions[])(unsigned) = {step, shift};

static unsigned work(unsigned rounds) {
  unsigned x = 27;
  for (unsigned i = 0; i < rounds; i++) x = functions[i % 2](x) + i;
  return x;
}

int main(void) {
  printf("%u\n", work(100));
  for (int round = 0; round < 3; round++) {
    fflush(stdout);
    if (fork() == 0) {
      printf("child %u\n", work(3000000));
      fflush(stdout);
      _exit(0);
    }
    wait(NULL);
    printf("%u\n", work(100));
  }
  return 0;
}
