// A random sequence of memory calls in a small window of addresses: every result, every byte read and the
// mappings at the end are the same on any Linux.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BASE 0x10000000000ul
#define PAGE 4096

static unsigned seed = 20260;
static int rnd(int n) {
  seed = seed * 1103515245 + 12345;
  return (int)((seed >> 16) % (unsigned)n);
}
static int pick(const int *list, int n) { return list[rnd(n)]; }
#define PICK(...) pick((const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

static long at(void) { return (long)(BASE + rnd(24) * PAGE + (rnd(40) == 0 ? 1024 : 0)); }
static long length(void) { return rnd(50) == 0 ? 0 : (1 + rnd(6)) * PAGE - (rnd(10) == 0 ? 1024 : 0); }

static int through;
// The kernel's own access tells EFAULT where the processor's would need a signal handler.
static long poke(long addr, char value) {
  pwrite(through, &value, 1, 0);
  return pread(through, (void *)addr, 1, 0) == 1 ? 1 : -errno;
}
static long peek(long addr) {
  if (pwrite(through, (void *)addr, 1, 0) != 1) return -errno;
  unsigned char c;
  pread(through, &c, 1, 0);
  return c;
}

static long call(long r) { return r == -1 ? -errno : r; }

static void show_mappings(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512], last_prot[8] = "";
  unsigned long start = 0, end = 0;
  while (fgets(line, sizeof line, maps)) {
    unsigned long s, e, off;
    char prot[8];
    if (sscanf(line, "%lx-%lx %7s %lx", &s, &e, prot, &off) != 4 || s < BASE || e > BASE + 64 * PAGE) continue;
    // How far neighbours are merged is the kernel's business.
    if (s == end && strcmp(prot, last_prot) == 0) {
      end = e;
      continue;
    }
    if (end) printf("%lx-%lx %s\n", start - BASE, end - BASE, last_prot);
    start = s;
    end = e;
    strcpy(last_prot, prot);
  }
  if (end) printf("%lx-%lx %s\n", start - BASE, end - BASE, last_prot);
  fclose(maps);
}

int main(void) {
  through = memfd_create("through", 0);
  char name[] = "sequenceXXXXXX";
  int rw = mkstemp(name), ro = open(name, O_RDONLY);
  unlink(name);
  static char bytes[5 * PAGE + 2048];
  for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (char)(1 + i / PAGE * 16 + (i & 7));
  write(rw, bytes, sizeof bytes);

  for (int i = 0; i < 3000; i++) {
    long a = at(), n = length(), r;
    int k = rnd(100);
    const char *what;
    if (k < 30) {
      int anon = rnd(2), shared = rnd(2);
      int prot = PICK(0, PROT_READ, PROT_WRITE, 3, 3, PROT_READ | PROT_EXEC);
      int flags = PICK(MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE) | (anon ? MAP_ANONYMOUS : 0) |
                  (shared ? MAP_SHARED : MAP_PRIVATE);
      int fd = anon ? -1 : rnd(3) ? rw : ro;
      long off = anon ? 0 : rnd(6) * PAGE;
      what = "mmap";
      r = call(syscall(SYS_mmap, a, n, prot, flags, fd, off));
    } else if (k < 40) {
      what = "munmap";
      r = call(munmap((void *)a, n));
    } else if (k < 56) {
      what = "mprotect";
      r = call(mprotect((void *)a, n, PICK(0, 1, 2, 3, 5, 16)));
    } else if (k < 62) {
      what = "madvise";
      r = call(madvise((void *)a, n, PICK(MADV_DONTNEED, MADV_DONTNEED, MADV_NORMAL, MADV_DONTFORK, MADV_DOFORK, 77)));
    } else if (k < 68) {
      what = "mremap";
      r = call(syscall(SYS_mremap, a, n, length(), 0, 0));
    } else if (k < 71) {
      what = "msync";
      r = call(msync((void *)a, n, PICK(0, MS_ASYNC, MS_SYNC, MS_ASYNC | MS_SYNC, 8)));
    } else if (k < 88) {
      what = "poke";
      r = poke(a, (char)(1 + rnd(250)));
    } else {
      what = "peek";
      r = peek(a);
    }
    printf("%d %s %ld\n", i, what, r >= (long)BASE ? r - (long)BASE : r);
  }
  show_mappings();
  return 0;
}
