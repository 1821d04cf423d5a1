// Results and errors of the memory calls.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHOW(call)                                                           \
  do {                                                                       \
    errno = 0;                                                               \
    long got = (long)(call);                                                 \
    printf("%s: %s\n", #call, got == -1 ? strerrorname_np(errno) : "works"); \
  } while (0)

int main(void) {
  setbuf(stdout, NULL);
  SHOW(mmap(0, 0, 3, ANON, -1, 0));
  SHOW(mmap(0, PAGE, 3, MAP_ANONYMOUS, -1, 0));
  SHOW(mmap(0, PAGE, 3, MAP_PRIVATE, 99, 0));
  SHOW(mmap((void *)1, PAGE, 3, ANON | MAP_FIXED, -1, 0));
  SHOW(mmap(0, 1ul << 46, 0, ANON | MAP_NORESERVE, -1, 0));
  SHOW(mmap(0, 1ul << 48, 0, ANON, -1, 0));
  SHOW(mmap(0, PAGE, 3, ANON | MAP_GROWSDOWN, -1, 0));
  SHOW(mmap(0, PAGE, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
  SHOW(mmap(0, PAGE, 3, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_SYNC, -1, 0));

  int ro = open("/etc/passwd", O_RDONLY), wo = open("calls.tmp", O_WRONLY | O_CREAT, 0600);
  int dir = open("/", O_RDONLY), null = open("/dev/null", O_RDWR), ends[2];
  pipe(ends);
  unlink("calls.tmp");
  SHOW(mmap(0, PAGE, 3, MAP_SHARED, ro, 0));
  SHOW(mmap(0, PAGE, 3, MAP_PRIVATE, ro, 0));
  SHOW(mmap(0, PAGE, 1, MAP_PRIVATE, ro, 1));
  SHOW(mmap(0, PAGE, 1, MAP_PRIVATE, wo, 0));
  SHOW(mmap(0, PAGE, 1, MAP_PRIVATE, ends[0], 0));
  SHOW(mmap(0, PAGE, 1, MAP_PRIVATE, dir, 0));
  SHOW(mmap(0, PAGE, 1, MAP_PRIVATE, null, 0));
  void *shared = mmap(0, PAGE, 1, MAP_SHARED, ro, 0);
  SHOW(mprotect(shared, PAGE, 3));
  SHOW(syscall(SYS_remap_file_pages, shared, PAGE, 0, 0, 0));
  SHOW(mmap(0, PAGE, 1, MAP_SHARED, ro, 1l << 62));
  SHOW(mmap(0, PAGE, 1, MAP_SHARED, ro, 0x7ffffffffffff000));
  SHOW(mmap(0, PAGE, 1, MAP_PRIVATE, ro, -PAGE));

  char *p = mmap(0, 4 * PAGE, 3, ANON, -1, 0);
  p[0] = 5;
  munmap(p + PAGE, PAGE);
  SHOW(munmap(p + 1, PAGE));
  SHOW(munmap(p, 0));
  SHOW(mprotect(p, 4 * PAGE, 1));
  SHOW(mprotect(p, PAGE, 3));
  unsigned char vec[4];
  SHOW(mincore(p, PAGE, vec));
  printf("in core: %d\n", vec[0] & 1);
  SHOW(mincore(p, 2 * PAGE, vec));
  SHOW(mincore(p + 1, PAGE, vec));
  SHOW(madvise(p, 4 * PAGE, MADV_DONTNEED));
  printf("after MADV_DONTNEED: %d\n", p[0]);
  SHOW(madvise(p, PAGE, 77));

  p[0] = 6;
  char *moved = mremap(p, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
  printf("moved: %d\n", moved[0]);
  SHOW(mremap(moved + 64 * PAGE, PAGE, 0, MREMAP_MAYMOVE));
  SHOW(mremap(moved, PAGE, PAGE, MREMAP_FIXED, moved + 16 * PAGE));

  char *top = sbrk(0);
  SHOW(sbrk(100000));
  top[99999] = 1;
  SHOW(sbrk(-100000));

  int fd = memfd_create("x", 0);
  ftruncate(fd, 2 * PAGE);
  char *one = mmap(0, 2 * PAGE, 3, MAP_SHARED, fd, 0), *two = mmap(0, 2 * PAGE, 3, MAP_SHARED, fd, 0);
  one[5000] = 3;
  printf("memfd: %d\n", two[5000]);
  SHOW(madvise(one, 2 * PAGE, MADV_REMOVE));
  printf("after MADV_REMOVE: %d\n", two[5000]);
  SHOW(msync(one, 2 * PAGE, MS_SYNC));
  SHOW(msync(one, PAGE, MS_SYNC | MS_ASYNC));
  SHOW(mlock(one, PAGE));
  SHOW(munlock(one, PAGE));

  char text[6] = "";
  struct iovec here = {text, 5}, there = {"there", 5}, bad = {(void *)8, 5};
  SHOW(process_vm_readv(getpid(), &here, 1, &there, 1, 0));
  puts(text);
  SHOW(process_vm_readv(getpid(), &here, 1, &bad, 1, 0));
  SHOW(process_vm_readv(999999, &here, 1, &there, 1, 0));
  SHOW(process_vm_readv(getpid(), &here, 1, &there, 1, 1));

  SHOW(syscall(SYS_membarrier, 8, 0, 0));
  SHOW(syscall(SYS_membarrier, 16, 0, 0));
  SHOW(syscall(SYS_membarrier, 8, 0, 0));

  struct rlimit limit = {64 << 20, 64 << 20};
  setrlimit(RLIMIT_AS, &limit);
  SHOW(mmap(0, 128 << 20, 3, ANON, -1, 0));
  return 0;
}
