// futex(2) itself: values, counts, bitsets, requeueing, WAKE_OP, timeouts, errors; private and shared.
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
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../settle.h"

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
static long fx(volatile void *a, int op, unsigned v, void *t, volatile void *b, unsigned v3) {
  return syscall(SYS_futex, a, op, v, t, b, v3);
}
static volatile unsigned word, other, started, done[8];
static pid_t tids[8];
static int threads;
static void *waiter(void *arg) {
  long i = (long)arg;
  tids[i] = syscall(SYS_gettid);
  __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
  long r = fx(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 1u << i);
  done[i] = r == 0 ? 1 : 2;
  return NULL;
}
static void start(pthread_t *t, int n) {
  started = 0;
  threads = n;
  memset((void *)done, 0, sizeof done);
  for (long i = 0; i < n; i++) {
    pthread_create(&t[i], NULL, waiter, (void *)i);
    while (started <= i) usleep(1000);
    await_sleep(getpid(), tids[i]);
  }
}
static int count(void) {
  int n = 0;
  for (int i = 0; i < threads; i++) {
    // Whoever was woken runs, until it has said so.
    while (!done[i] && state_of(getpid(), tids[i]) != 'S') usleep(1000);
    n += done[i] == 1;
  }
  return n;
}
static void hit(int sig) {}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct timespec ms10 = {0, 10000000}, bad = {0, -1};
  word = 5;
  SHOW("other value", fx(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
  SHOW("timeout", fx(&word, FUTEX_WAIT, 5, &ms10, NULL, 0));
  SHOW("bad timeout", fx(&word, FUTEX_WAIT, 5, &bad, NULL, 0));
  SHOW("misaligned", fx((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0));
  SHOW("bad address", fx((void *)8, FUTEX_WAIT, 5, NULL, NULL, 0));
  SHOW("bad op", fx(&word, 99, 5, NULL, NULL, 0));
  SHOW("nobody", fx(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
  SHOW("zero bitset", fx(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0));
  SHOW("zero bitset wake", fx(&word, FUTEX_WAKE_BITSET, 5, NULL, NULL, 0));
  struct timespec abs;
  clock_gettime(CLOCK_MONOTONIC, &abs);
  SHOW("absolute past", fx(&word, FUTEX_WAIT_BITSET, 5, &abs, NULL, -1));
  clock_gettime(CLOCK_REALTIME, &abs);
  abs.tv_nsec += 10000000;
  if (abs.tv_nsec >= 1000000000) abs.tv_sec++, abs.tv_nsec -= 1000000000;
  SHOW("absolute realtime", fx(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &abs, NULL, -1));
  struct sigaction sa = {0};
  sa.sa_handler = hit;
  sigaction(SIGALRM, &sa, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
  SHOW("interrupted", fx(&word, FUTEX_WAIT, 5, NULL, NULL, 0));
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);

  pthread_t t[8];
  word = 0;
  start(t, 5);
  SHOW("wake 1", fx(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
  int n = count();
  printf("first came first %d of %d\n", done[0], n);
  SHOW("wake bitset", fx(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 1 << 3 | 1 << 4));
  printf("%d %d of %d\n", (count(), done[3]), done[4], count());
  SHOW("wake shared misses private", fx(&word, FUTEX_WAKE, 10, NULL, NULL, 0) >= 0 ? 0 : 1);
  fx(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 100, NULL, NULL, 0);
  printf("all %d\n", count());
  for (int i = 0; i < 5; i++) pthread_join(t[i], NULL);

  start(t, 6);
  SHOW("cmp requeue other value", fx(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)2, &other, 9));
  SHOW("cmp requeue", fx(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)3, &other, 0));
  printf("woken %d\n", count());
  SHOW("on the other", fx(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
  printf("woken %d\n", count());
  SHOW("left", fx(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
  for (int i = 0; i < 6; i++) pthread_join(t[i], NULL);

  start(t, 2);
  other = 7;
  SHOW("wake op", fx(&other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1, &word,
                     FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)));
  printf("word %u woken %d\n", word, count());
  SHOW("wake op no match", fx(&other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1, &word,
                              FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_GT, 100)));
  printf("word %u\n", word);
  fx(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0);
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);

  // Between processes: shared memory, at different addresses.
  volatile unsigned *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t p = fork();
  if (p == 0) {
    volatile unsigned *mine = mremap((void *)s, 0, 4096, MREMAP_MAYMOVE);
    if (mine == MAP_FAILED) mine = s;
    mine[1] = 1;
    long r = fx(mine, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(r == 0 ? 40 : 41);
  }
  while (!s[1]) usleep(1000);
  await_sleep(p, p);
  SHOW("across", fx(s, FUTEX_WAKE, 1, NULL, NULL, 0));
  int st;
  waitpid(p, &st, 0);
  printf("exit %d\n", WEXITSTATUS(st));
  return 0;
}
