// Memory policies with one node, and protection keys that a program does not get.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define GET(...) T(syscall(SYS_get_mempolicy, __VA_ARGS__))
#define SET(...) T(syscall(SYS_set_mempolicy, __VA_ARGS__))
#define BIND(...) T(syscall(SYS_mbind, __VA_ARGS__))

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int mode = -7;
  unsigned long mask[16] = {0}, one = 1, two = 2, zero = 0;
  char *p = mmap(0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  p[0] = 1;
  int key = syscall(SYS_pkey_alloc, 0, 0);
  /* A processor without keys: EINVAL the first time, because key 0 is not set aside then. */
  printf("alloc %d\n", key > 0 || errno == ENOSPC || errno == EINVAL);
  T(syscall(SYS_pkey_alloc, 1, 0));
  T(syscall(SYS_pkey_alloc, 0, 9));
  T(syscall(SYS_pkey_free, 9));
  T(syscall(SYS_pkey_free, -1));
  T(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, -1));
  T(syscall(SYS_pkey_mprotect, p + 1, 4096, PROT_READ, -1));
  T(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, 9));

  GET(&mode, mask, 1024, 0, 0);
  printf("mode %d mask %lx\n", mode, mask[0]);
  GET(&mode, mask, 1024, p, 2);
  GET(&mode, mask, 1024, p, 3);
  printf("node %d\n", mode);
  GET(0, mask, 1024, 0, 4);
  printf("allowed %lx\n", mask[0]);
  GET(&mode, mask, 0, 0, 0);
  GET(&mode, 0, 0, 0, 0);
  GET(&mode, 0, 0, 8, 2);
  GET(&mode, 0, 0, p, 99);
  GET(&mode, 0, 0, p, 0);
  GET(&mode, 0, 0, 0, 1);
  GET((int *)8, 0, 0, 0, 0);
  SET(0, 0, 0);
  SET(2, &one, 64);
  GET(&mode, mask, 1024, 0, 0);
  printf("mode %d mask %lx\n", mode, mask[0]);
  if (fork() == 0) {
    GET(&mode, mask, 1024, 0, 0);
    printf("child's mode %d mask %lx\n", mode, mask[0]);
    return 0;
  }
  wait(0);
  SET(2, &two, 64);
  SET(2, &two, 2);
  SET(2, 0, 0);
  SET(1, &one, 64);
  SET(3, &one, 64);
  GET(&mode, 0, 0, 0, 1);
  printf("next %d\n", mode);
  SET(4, &zero, 64);
  SET(4, &one, 64);
  SET(1, 0, 0);
  GET(&mode, mask, 1024, 0, 0);
  printf("mode %d mask %lx\n", mode, mask[0]);
  SET(99, &one, 64);
  SET(2, (long *)8, 64);
  SET(2, &one, 1 << 20);
  SET(0, &one, 64);
  SET(0, &zero, 64);
  SET(2 | 1 << 15, &one, 64);
  GET(&mode, mask, 1024, 0, 0);
  printf("mode %x\n", mode);
  SET(2 | 3 << 14, &one, 64);
  SET(0, 0, 0);

  BIND(p, 8192, 2, &one, 64, 0);
  BIND(p, 8192, 2, &two, 64, 0);
  BIND(p + 1, 8192, 2, &one, 64, 0);
  BIND(p, 8192, 2, &one, 64, 3);
  BIND(p, 8192, 2, &one, 64, 99);
  BIND(0, 8192, 2, &one, 64, 0);
  BIND(p, 0, 2, &one, 64, 0);
  BIND(p, 8192, 0, 0, 0, 0);
  T(syscall(SYS_migrate_pages, 0, 64, &one, &one));
  T(syscall(SYS_migrate_pages, 0, 64, &one, &two));
  T(syscall(SYS_migrate_pages, 99999999, 64, &one, &one));
  T(syscall(SYS_migrate_pages, 0, 64, &two, &one));
  void *pages[3] = {p, p + 4096, (void *)8};
  int nodes[3] = {0, 0, 0}, st[3] = {-9, -9, -9};
  T(syscall(SYS_move_pages, 0, 3L, pages, 0, st, 2));
  printf("%d %d %d\n", st[0], st[1], st[2]);
  T(syscall(SYS_move_pages, 0, 3L, pages, nodes, st, 2));
  nodes[1] = 1;
  T(syscall(SYS_move_pages, 0, 3L, pages, nodes, st, 2));
  T(syscall(SYS_move_pages, 0, 3L, pages, nodes, st, 1));
  T(syscall(SYS_move_pages, 99999999, 3L, pages, nodes, st, 2));
  T(syscall(SYS_move_pages, 0, 0L, pages, nodes, st, 2));
  return 0;
}
