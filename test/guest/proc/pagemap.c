// /proc/self/pagemap: which pages are there, which belong to files, which nobody shares.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;

// Present, file or shared, exclusively mapped.
static void show(const char *what, char *p, int pages) {
  uint64_t e[8];
  ssize_t n = pread(fd, e, pages * 8, (uintptr_t)p / 4096 * 8);
  printf("%s: %zd", what, n);
  for (int i = 0; i < pages; i++) printf(" %d%d%d", (int)(e[i] >> 63), (int)(e[i] >> 61 & 1), (int)(e[i] >> 56 & 1));
  printf("\n");
}

int main(void) {
  fd = open("/proc/self/pagemap", O_RDONLY);
  char *p = mmap(0, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(p, 5 * 4096, MADV_NOHUGEPAGE);
  munmap(p + 4096 * 4, 4096);
  p[0] = 1;
  volatile char seen = p[8192];
  p[3 * 4096] = 1;
  show("private", p, 5);
  char *s = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  show("shared", s, 2);
  fflush(stdout);
  if (fork() == 0) {
    show("after fork", p, 2);
    p[0] = 2;
    show("after a copy", p, 2);
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  show("alone again", p, 2);
  uint64_t e;
  ssize_t n = pread(fd, &e, 7, 0);
  printf("odd length %zd %s\n", n, strerror(errno));
  n = pread(fd, &e, 8, 4);
  printf("odd place %zd %s\n", n, strerror(errno));
  printf("beyond %zd\n", pread(fd, &e, 8, (1LL << 47) / 4096 * 8));
  int w = open("/proc/self/pagemap", O_WRONLY);
  printf("one entry more: %zd\n", pread(fd, &e, 8, (uintptr_t)p / 4096 * 8));
  return 0;
}
