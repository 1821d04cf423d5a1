// stdin: some text
// Calls of newer kernels about memory: mseal, process_madvise, process_mrelease, cachestat, and prctl(PR_GET_AUXV).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(call) do { \
    errno = 0; \
    long r_ = (long)(call); \
    printf("%s = %ld %s\n", #call, r_ < 0 ? -1 : r_, r_ < 0 ? strerrorname_np(errno) : ""); \
  } while (0)
#define OK(call) do { \
    errno = 0; \
    printf("%s %s\n", #call, (long)(call) == -1 ? strerrorname_np(errno) : "ok"); \
  } while (0)
#define PG 4096L
#define mseal(a, n, f) syscall(462, a, n, f)
#define process_madvise(fd, v, n, how, f) syscall(440, fd, v, n, how, f)
#define process_mrelease(fd, f) syscall(448, fd, f)
#define cachestat(fd, range, out, f) syscall(451, fd, range, out, f)
#define pidfd_open(pid) syscall(434, pid, 0)

static char *pages(int n, int prot) {
  return mmap(0, n * PG, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void seals(void) {
  char *a = pages(20, PROT_READ | PROT_WRITE), *other = pages(4, PROT_READ);
  munmap(a + 16 * PG, 4 * PG);
  T(mseal(a, PG, 1));
  T(mseal(a + 1, PG, 0));
  T(mseal(a, 0, 0));
  T(mseal(a, -1L, 0));
  T(mseal(a, -PG, 0));
  T(mseal(a + 15 * PG, 2 * PG, 0));
  T(mseal(a + 16 * PG, 0, 0));
  T(mseal(a + 17 * PG, PG, 0));
  T(mprotect(a + 15 * PG, PG, PROT_READ | PROT_WRITE));
  a[2 * PG] = 'x';
  T(mseal(a + 2 * PG, 1, 0));
  T(mseal(a + 2 * PG, 2 * PG, 0));
  T(mprotect(a + 2 * PG, PG, PROT_READ));
  T(mprotect(a + PG, 2 * PG, PROT_READ));
  T(mprotect(a + 2 * PG, PG, PROT_READ | PROT_WRITE));
  T(munmap(a + 2 * PG, PG));
  T(munmap(a, 10 * PG));
  T(munmap(a + 4 * PG, PG));
  OK(mmap(a + PG, 2 * PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  OK(mmap(a + 2 * PG, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  OK(mmap(a + 2 * PG, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  OK(mremap(a + 2 * PG, 2 * PG, PG, 0));
  OK(mremap(a + 2 * PG, 2 * PG, 2 * PG, 0));
  OK(mremap(a + 2 * PG, PG, 4 * PG, MREMAP_MAYMOVE));
  OK(mremap(a + 2 * PG, PG, PG, MREMAP_MAYMOVE | MREMAP_FIXED, other));
  OK(mremap(other, PG, PG, MREMAP_MAYMOVE | MREMAP_FIXED, a + 3 * PG));
  OK(mremap(a + 2 * PG, 0, PG, MREMAP_MAYMOVE));
  // Advice that drops what could not be written.
  int advice[] = {MADV_NORMAL, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK,
                  MADV_KEEPONFORK, MADV_DONTNEED_LOCKED, MADV_DONTDUMP, MADV_DODUMP, MADV_COLD, MADV_WILLNEED};
  char *ro = pages(2, PROT_READ | PROT_WRITE);
  ro[0] = 'r';
  T(mprotect(ro, 2 * PG, PROT_READ));
  T(mseal(ro, 2 * PG, 0));
  int fd = memfd_create("m", 0);
  ftruncate(fd, 4 * PG);
  char *sh = mmap(0, 4 * PG, PROT_READ, MAP_SHARED, fd, 0), *pr = mmap(0, 4 * PG, PROT_READ, MAP_PRIVATE, fd, 0);
  T(mseal(sh, 4 * PG, 0));
  T(mseal(pr, 4 * PG, 0));
  for (int i = 0; i < sizeof advice / sizeof *advice; i++) {
    char *m[] = {a + 2 * PG, ro, sh, pr};
    printf("advice %d:", advice[i]);
    for (int k = 0; k < 4; k++) {
      int r = madvise(m[k], PG, advice[i]);
      printf(" %s", r ? strerrorname_np(errno) : "ok");
    }
    printf("\n");
  }
  printf("%d %c\n", a[2 * PG], ro[0]);
  // Private pages of a file that were written to before.
  pr = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  pr[0] = 'p';
  mprotect(pr, PG, PROT_READ);
  T(mseal(pr, PG, 0));
  T(madvise(pr, PG, MADV_DONTNEED));
  T(madvise(pr, PG, MADV_DONTFORK));
  // What lies before the sealed page has been changed.
  T(read(0, a + PG, 1));
  char *mid = pages(3, PROT_READ | PROT_WRITE);
  T(mprotect(mid + PG, PG, PROT_READ));
  mid[0] = mid[2 * PG] = 5;
  T(mseal(mid + PG, PG, 0));
  T(madvise(mid, 3 * PG, MADV_DONTNEED));
  printf("%d %d\n", mid[0], mid[2 * PG]);
  // Locking is no change of what is there.
  T(mlock(a + 2 * PG, PG));
  T(munlock(a + 2 * PG, PG));
  fflush(stdout);
  if (fork() == 0) {
    T(munmap(a + 2 * PG, PG));
    T(munmap(a, 20 * PG));
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  T(munmap(a, 2 * PG));
  // The break does not shrink over sealed memory.
  char *b = sbrk(4 * PG);
  b = (char *)(((long)b + PG - 1) & -PG);
  T(mseal(b, PG, 0));
  T(brk(b));
  T(brk(b + PG));
  T(sbrk(0) == b + PG);
}

// As in a container, where nobody has it.
static void without_nice(void) {
  unsigned head[2] = {0x20080522, 0}, data[6];
  syscall(SYS_capget, head, data);
  data[0] &= ~(1u << 23);
  data[1] &= ~(1u << 23);
  syscall(SYS_capset, head, data);
}

static void advise(void) {
  char *a = pages(8, PROT_READ | PROT_WRITE);
  memset(a, 1, 8 * PG);
  munmap(a + 6 * PG, 2 * PG);
  struct iovec v[3] = {{a, PG}, {a + 2 * PG, 2 * PG}, {a + 5 * PG, 2 * PG}}, w[2] = {{a, 0}, {a + 1, PG}};
  int self = pidfd_open(getpid());
  T(process_madvise(-1, v, 2, MADV_COLD, 0));
  T(process_madvise(-1, v, 2, MADV_COLD, 1));
  T(process_madvise(-1, (void *)8, 2, MADV_COLD, 0));
  T(process_madvise(self, (void *)8, 2, MADV_COLD, 0));
  T(process_madvise(self, v, 1025, MADV_COLD, 0));
  T(process_madvise(self, v, 0, MADV_COLD, 0));
  T(process_madvise(self, v, 2, MADV_COLD, 0));
  T(process_madvise(self, v, 2, 77, 0));
  T(process_madvise(self, v, 0, 77, 0));
  T(process_madvise(self, v, 3, MADV_WILLNEED, 0));
  T(process_madvise(self, v + 2, 1, MADV_WILLNEED, 0));
  T(process_madvise(self, w, 2, MADV_COLD, 0));
  T(process_madvise(self, w, 1, MADV_COLD, 0));
  T(process_madvise(self, v, 2, MADV_DONTNEED, 0));
  printf("%d %d %d %d\n", a[0], a[PG], a[2 * PG], a[4 * PG]);
  T(process_madvise(-10000, v, 2, MADV_COLD, 0));
  T(process_madvise(0, v, 2, MADV_COLD, 0));
  int go[2];
  pipe(go);
  pid_t child = fork();
  if (child == 0) {
    char c;
    close(go[1]);
    read(go[0], &c, 1);
    _exit(0);
  }
  int fd = pidfd_open(child);
  T(process_madvise(fd, v, 2, MADV_COLD, 0));
  T(process_madvise(fd, v, 2, MADV_PAGEOUT, 0));
  T(process_madvise(fd, v, 2, MADV_WILLNEED, 0));
  T(process_madvise(fd, v, 2, MADV_DONTNEED, 0));
  T(process_madvise(fd, v, 2, 77, 0));
  T(process_mrelease(fd, 0));
  T(process_mrelease(fd, 1));
  T(process_mrelease(-1, 1));
  T(process_mrelease(-1, 0));
  T(process_mrelease(0, 0));
  fflush(stdout);
  if (fork() == 0) {
    setgroups(0, 0);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    T(process_madvise(fd, v, 2, MADV_COLD, 0));
    T(process_madvise(fd, v, 2, MADV_DONTNEED, 0));
    T(process_madvise(self, v, 2, MADV_COLD, 0));
    T(process_mrelease(fd, 0));
    fflush(stdout);
    _exit(0);
  }
  close(go[1]);
  struct pollfd p = {fd, POLLIN};
  poll(&p, 1, -1);
  T(process_madvise(fd, v, 2, MADV_COLD, 0));
  T(process_mrelease(fd, 0));
  waitpid(child, 0, 0);
  T(process_madvise(fd, v, 2, MADV_COLD, 0));
  T(process_mrelease(fd, 0));
  wait(0);
}

static void cached(void) {
  struct { unsigned long long off, len; } r = {0, 0};
  struct { unsigned long long cache, dirty, writeback, evicted, recently; } s;
  int fd = memfd_create("c", 0), p[2];
  pipe(p);
  char text[100];
#define SHOW(off_, len_) do { \
    r.off = off_; r.len = len_; memset(&s, 0x55, sizeof s); \
    T(cachestat(fd, &r, &s, 0)); \
    printf("cached %llu writeback %llu evicted %llu\n", s.cache, s.writeback, s.evicted); \
  } while (0)
  SHOW(0, 0);
  ftruncate(fd, 10 * PG);
  SHOW(0, 0);
  pwrite(fd, "x", 1, 0);
  pwrite(fd, "xy", 2, 2 * PG - 1);
  SHOW(0, 0);
  SHOW(0, PG);
  SHOW(PG - 1, 2);
  SHOW(3 * PG, 100 * PG);
  SHOW(PG, 0);
  SHOW(PG, -1ULL);
  SHOW(-1ULL, 1);
  T(cachestat(-1, &r, &s, 0));
  T(cachestat(-1, &r, &s, 1));
  T(cachestat(fd, &r, &s, 1));
  T(cachestat(fd, (void *)8, &s, 1));
  T(cachestat(fd, (void *)8, &s, 0));
  T(cachestat(fd, &r, (void *)8, 0));
  fd = p[0];
  SHOW(0, 0);
  fd = open("/", O_RDONLY | O_DIRECTORY);
  T(cachestat(fd, &r, &s, 0) < 0);
  fd = open("/", O_PATH);
  T(cachestat(fd, &r, &s, 0));
}

static void vector(void) {
  static char v[1024], f[1024];
  T(prctl(0x41555856, v, sizeof v, 0, 0));
  int fd = open("/proc/self/auxv", O_RDONLY), n = read(fd, f, sizeof f), rest = 0;
  for (int i = n; i < sizeof v; i++) rest |= v[i];
  printf("same %d, rest %d\n", memcmp(v, f, n), rest);
  memset(v, 1, sizeof v);
  T(prctl(0x41555856, v, 12, 0, 0));
  printf("same %d, next %d\n", memcmp(v, f, 12), v[12]);
  T(prctl(0x41555856, v, 0, 0, 0));
  T(prctl(0x41555856, 8, 0, 0, 0));
  T(prctl(0x41555856, 8, 8, 0, 0));
  T(prctl(0x41555856, v, 8, 1, 0));
  T(prctl(0x41555856, v, 8, 0, 1));
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  without_nice();
  seals();
  advise();
  cached();
  vector();
  return 0;
}
