// What processes and threads share, by kcmp(2).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_, VM, FILES, FS, SIGHAND, IO, SYSVSEM, EPOLL_TFD };
static const char *names[] = {"file", "vm", "files", "fs", "sighand", "io", "sysvsem"};
static long same(int a, int b, int type, unsigned long x, unsigned long y) {
  long r = syscall(SYS_kcmp, a, b, type, x, y);
  return r < 0 ? -errno : r != 0;
}
static void all(const char *who, int a, int b) {
  printf("%s:", who);
  for (int i = VM; i <= FS + 1; i++) printf(" %s %ld", names[i], same(a, b, i, 0, 0));
  printf("\n");
}
static int tid;
static void *thread(void *p) {
  all("thread", getpid(), syscall(SYS_gettid));
  return p;
}
static int child(void *p) {
  all("clone", getppid(), getpid());
  return 0;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int me = getpid(), fd = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY), copy = dup(fd);
  printf("%ld %ld %ld\n", same(me, me, FILE_, fd, copy), same(me, me, FILE_, fd, other), same(me, me, FILE_, fd, fd));
  printf("%ld %ld\n", same(me, me, FILE_, fd, 99), same(me, me, FILE_, 99, fd));
  long one = syscall(SYS_kcmp, me, me, FILE_, fd, other), two = syscall(SYS_kcmp, me, me, FILE_, other, fd);
  printf("in order %d\n", one + two == 3 && (one == 1 || one == 2));
  printf("%ld %ld %ld\n", same(me, me, 99, 0, 0), same(me, 0x3fffffff, VM, 0, 0), same(0, me, VM, 0, 0));
  all("itself", me, me);
  if (fork() == 0) {
    all("fork", getppid(), getpid());
    printf("%ld %ld\n", same(getppid(), getpid(), FILE_, fd, copy), same(getppid(), getpid(), FILE_, fd, other));
    _exit(0);
  }
  wait(NULL);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  char *stack = malloc(65536);
  clone(child, stack + 65536, CLONE_FILES | CLONE_FS | SIGCHLD, NULL);
  wait(NULL);
  clone(child, stack + 65536, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
  wait(NULL);
  if (fork() == 0) {
    setresuid(1000, 1000, 1000);
    printf("%ld\n", same(me, getpid(), VM, 0, 0));
    _exit(0);
  }
  wait(NULL);
  return 0;
}
