// futex_wait, futex_wake, futex_requeue and futex_waitv: checks, and waiting for several words at once.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../settle.h"

#define SHOW(call) do { errno = 0; long r_ = (call); printf("%s: %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); } while (0)
#define U32 2
#define OWN (2 | 128)
struct entry { uint64_t val, uaddr; uint32_t flags, reserved; };
static long waitv(void *v, unsigned n, unsigned flags, void *t, int clock) { return syscall(449, v, n, flags, t, clock); }
static long wake(volatile void *a, unsigned long mask, int n, unsigned flags) { return syscall(454, a, mask, n, flags); }
static long waiton(volatile void *a, unsigned long val, unsigned long mask, unsigned flags, void *t, int clock) {
  return syscall(455, a, val, mask, flags, t, clock);
}
static long requeue(void *v, unsigned flags, int wakes, int moves) { return syscall(456, v, flags, wakes, moves); }

static volatile unsigned words[4];
static volatile pid_t tid;
static volatile long result;
static volatile int mode, error;
static void *waiter(void *arg) {
  struct entry e[4];
  for (int i = 0; i < 4; i++) e[i] = (struct entry){0, (uint64_t)&words[i], OWN};
  tid = syscall(SYS_gettid);
  errno = 0;
  result = mode == 0 ? waitv(e, 4, 0, NULL, 0) : waiton(&words[0], 0, 6, OWN, NULL, 0);
  error = errno;
  return NULL;
}
static pthread_t begin(int how) {
  pthread_t t;
  tid = 0;
  mode = how;
  pthread_create(&t, NULL, waiter, NULL);
  while (!tid) usleep(1000);
  await_sleep(getpid(), tid);
  return t;
}
static void end(pthread_t t) {
  pthread_join(t, NULL);
  printf("thread: %ld %s\n", result, result < 0 ? strerrorname_np(error) : "");
}
static void nothing(int s) {}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  volatile unsigned *w = words;
  struct timespec t = {0, 1}, bad = {0, -1};
  SHOW(wake(w, 1, 1, U32));
  SHOW(wake(w, 1, 1, U32 | 16));
  SHOW(wake(w, 1, 1, U32 | 8));
  SHOW(wake(w, 1, 1, 0));
  SHOW(wake(w, 1, 1, 1));
  SHOW(wake(w, 1, 1, 3));
  SHOW(wake(w, 1ul << 32, 1, OWN));
  SHOW(wake(w, 0, 0, OWN));
  SHOW(wake(w, 1, 0, OWN));
  SHOW(wake(w, 1, -1, OWN));
  SHOW(wake((char *)w + 2, 1, 1, OWN));
  SHOW(wake((void *)8, 1, 1, U32));
  SHOW(wake((void *)8, 1, 1, OWN));
  SHOW(waiton(w, 1, 1, OWN, NULL, 99));
  SHOW(waiton(w, 0, 1, OWN, &t, 99));
  SHOW(waiton(w, 0, 1, OWN, &t, 0));
  SHOW(waiton(w, 0, 1, OWN, &t, 1));
  SHOW(waiton(w, 0, 1, OWN, &bad, 1));
  SHOW(waiton(w, 0, 1, OWN, (void *)8, 1));
  SHOW(waiton(w, 0, 0, OWN, &t, 1));
  SHOW(waiton(w, 1ul << 32, 1, OWN, &t, 1));
  SHOW(waiton((void *)8, 0, 1, OWN, &t, 1));
  pthread_t p = begin(1);
  SHOW(wake(w, 1, 1, OWN));
  SHOW(wake(w, 0, 0, OWN));
  SHOW(wake(w, 2, 0, OWN));
  SHOW(wake(w, 4, 5, OWN));
  end(p);
  p = begin(1);
  SHOW(syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));
  end(p);

  struct entry e[3] = {{0, (uint64_t)&w[0], OWN}, {0, (uint64_t)&w[1], OWN}, {5, (uint64_t)&w[2], OWN}};
  SHOW(requeue(e, 1, 1, 1));
  SHOW(requeue(NULL, 0, 1, 1));
  SHOW(requeue((void *)8, 0, 1, 1));
  SHOW(requeue(e, 0, -1, 1));
  SHOW(requeue(e, 0, 1, 1));
  SHOW(requeue(e + 2, 0, 1, 1));
  p = begin(1);
  SHOW(requeue(e, 0, 0, 1));
  SHOW(wake(w, 2, 1, OWN));
  SHOW(requeue(e + 1, 0, 0, 0));
  SHOW(wake(w + 1, 2, 1, OWN));
  end(p);
  SHOW(syscall(SYS_futex, w, FUTEX_CMP_REQUEUE_PRIVATE, 0, 9, w, 0));
  p = begin(1);
  SHOW(syscall(SYS_futex, w, FUTEX_CMP_REQUEUE_PRIVATE, 0, 9, w, 0));
  SHOW(wake(w, 2, 1, OWN));
  end(p);

  SHOW(waitv(e, 0, 0, NULL, 0));
  SHOW(waitv(e, 129, 0, NULL, 0));
  SHOW(waitv(e, 2, 1, NULL, 0));
  SHOW(waitv(NULL, 2, 0, NULL, 0));
  SHOW(waitv((void *)8, 2, 0, NULL, 0));
  SHOW(waitv(e, 3, 0, NULL, 0));
  SHOW(waitv(e, 2, 0, &t, 7));
  SHOW(waitv(e, 2, 0, &t, 1));
  SHOW(waitv(e, 2, 0, &bad, 1));
  e[1].reserved = 1;
  SHOW(waitv(e, 2, 0, &t, 1));
  e[1].reserved = 0;
  e[1].uaddr++;
  SHOW(waitv(e, 2, 0, &t, 1));
  e[1].uaddr = 8;
  SHOW(waitv(e, 2, 0, &t, 1));
  e[1] = e[0];
  SHOW(waitv(e, 2, 0, &t, 1));
  for (int i = 0; i < 4; i += 2) {
    p = begin(0);
    SHOW(wake(&w[i], -1u, 1, OWN));
    end(p);
    SHOW(wake(&w[1], -1u, 1, OWN));
  }
  p = begin(0);
  struct entry move[2] = {{0, (uint64_t)&w[3], OWN}, {0, (uint64_t)&w[2], OWN}};
  volatile unsigned elsewhere = 0;
  move[1].uaddr = (uint64_t)&elsewhere;
  SHOW(requeue(move, 0, 0, 1));
  SHOW(wake(&w[3], -1u, 1, OWN));
  SHOW(wake(&elsewhere, -1u, 1, OWN));
  end(p);
  signal(SIGUSR1, nothing);
  siginterrupt(SIGUSR1, 1);
  p = begin(0);
  pthread_kill(p, SIGUSR1);
  end(p);
  SHOW(wake(&w[0], -1u, 1, OWN));
  siginterrupt(SIGUSR1, 0);
  p = begin(0);
  pthread_kill(p, SIGUSR1);
  usleep(1000);
  await_sleep(getpid(), tid);
  SHOW(wake(&w[1], -1u, 1, OWN));
  end(p);

  // A word of this process and one that another shares.
  volatile unsigned *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t c = fork();
  if (c == 0) {
    struct entry both[2] = {{0, (uint64_t)&w[0], OWN}, {0, (uint64_t)s, U32}};
    s[1] = 1;
    _exit(waitv(both, 2, 0, NULL, 0));
  }
  while (!s[1]) usleep(1000);
  await_sleep(c, c);
  SHOW(wake(s, 1, 1, OWN));
  SHOW(wake(s, 1, 1, U32));
  int st;
  waitpid(c, &st, 0);
  printf("exit %d\n", WEXITSTATUS(st));
  return 0;
}
