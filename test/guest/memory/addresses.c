// Where mmap puts what did not ask for a fixed address: hints and MAP_32BIT.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#define SIZE 65536
#define LOW_BOTTOM 0x40000000ul
#define LOW_TOP 0x80000000ul

static uintptr_t near(uintptr_t hint, int flags) {
  return (uintptr_t)mmap((void *)hint, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}
static int isLow(uintptr_t at) { return at >= LOW_BOTTOM && at + SIZE <= LOW_TOP; }

int main(int argc, char **argv) {
  // Without randomness addresses can be told.
  if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
    personality(ADDR_NO_RANDOMIZE);
    execv("/proc/self/exe", argv);
  }
  printf("free %lx\n", (long)near(0x500000000000, 0));
  printf("to the page below %lx\n", (long)near(0x510000000fff, 0));
  printf("less than a page is no hint %d\n", near(0xfff, 0) > LOW_TOP);
  printf("not below mmap_min_addr %lx\n", (long)near(0x1000, 0));
  printf("taken %d\n", near(0x500000000000, 0) != 0x500000000000);
  printf("outside %d\n", near(0x8000000000000000, 0) < 0x800000000000);

  printf("low %lx\n", (long)near(0, MAP_32BIT));
  printf("and upwards %lx\n", (long)near(0, MAP_32BIT));
  printf("low and free %lx\n", (long)near(0x7fff0000, MAP_32BIT));
  printf("low and taken %d\n", isLow(near(0x7fff0000, MAP_32BIT)));
  printf("partly above %d\n", isLow(near(0x7fff8000, MAP_32BIT)));
  printf("at the end %d\n", isLow(near(LOW_TOP, MAP_32BIT)));
  printf("far above %d\n", isLow(near(0x520000000000, MAP_32BIT)));
  printf("below the range %lx\n", (long)near(0x10000000, MAP_32BIT));

  uintptr_t hole = near(0x60000000, MAP_32BIT);
  while (near(0, MAP_32BIT) != (uintptr_t)MAP_FAILED) {
  }
  printf("full: %s\n", strerror(errno));
  munmap((void *)hole, SIZE);
  printf("the only hole %d\n", near(0, MAP_32BIT) == hole);
  printf("a hint does not help %ld\n", (long)near(0x530000000000, MAP_32BIT));
  return 0;
}
