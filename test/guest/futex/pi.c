// Futexes with priority inheritance: the words that the kernel leaves, errors, circles, owners that die, requeueing.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../settle.h"

#define SHOW(call) do { errno = 0; long r_ = (call); printf("%s: %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); } while (0)
static long fx(volatile void *a, int op, unsigned v, void *t, volatile void *b, unsigned v3) {
  return syscall(SYS_futex, a, op, v, t, b, v3);
}
static volatile unsigned lock, lock2, word, other;
static int self(void) { return syscall(SYS_gettid); }
// A lock's word with known threads by name.
static pid_t tids[8];
static void show(const char *what, unsigned v) {
  unsigned id = v & FUTEX_TID_MASK;
  printf("%s:%s%s ", what, v & FUTEX_WAITERS ? " waiters" : "", v & FUTEX_OWNER_DIED ? " died" : "");
  if (id == 0) printf("free\n");
  else if (id == self()) printf("mine\n");
  else {
    for (int i = 0; i < 8; i++)
      if (tids[i] == id) printf("thread %d\n", i);
  }
}
static void past(struct timespec *t, int clock, long ms) {
  clock_gettime(clock, t);
  t->tv_nsec += ms * 1000000;
  t->tv_sec += t->tv_nsec / 1000000000;
  t->tv_nsec %= 1000000000;
}

struct job { int id; int what; volatile unsigned *at, *to; volatile long result; volatile int error, done; pthread_t t; };
static struct job jobs[8];
static void *work(void *arg) {
  struct job *j = arg;
  tids[j->id] = self();
  long r = 0;
  errno = 0;
  if (j->what == 'l') r = fx(j->at, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  if (j->what == 'd') {
    // Owns one, then dies.
    *j->at = self();
    while (j->done != 2) usleep(1000);
    return NULL;
  }
  if (j->what == 'c') {
    *j->at = self();
    r = fx(j->to, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  }
  if (j->what == 'w') r = fx(j->at, FUTEX_WAIT_REQUEUE_PI_PRIVATE, *j->at, NULL, j->to, 0);
  if (j->what == 'p') r = fx(j->at, FUTEX_WAIT_PRIVATE, *j->at, NULL, NULL, 0);
  j->error = errno;
  j->result = r;
  j->done = 1;
  // Keeps its identity until it is asked to go.
  while (j->done != 2) usleep(1000);
  if (j->what == 'l' || j->what == 'w') {
    volatile unsigned *l = j->what == 'w' ? j->to : j->at;
    if (r == 0 && (*l & FUTEX_TID_MASK) == self()) fx(l, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  }
  if (j->what == 'c') fx(j->to, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}
static void begin(int id, int what, volatile unsigned *at, volatile unsigned *to) {
  jobs[id] = (struct job){id, what, at, to};
  tids[id] = 0;
  pthread_create(&jobs[id].t, NULL, work, &jobs[id]);
  while (!tids[id]) usleep(1000);
  if (what == 'd') while (!(*at & FUTEX_TID_MASK)) usleep(1000);
  else await_sleep(getpid(), tids[id]);
}
static void told(int id) {
  while (!jobs[id].done) usleep(1000);
  printf("thread %d: %ld %s\n", id, jobs[id].result, jobs[id].result < 0 ? strerrorname_np(jobs[id].error) : "");
}
static void end(int id) {
  jobs[id].done = 2;
  pthread_join(jobs[id].t, NULL);
}
static volatile int hits;
static void hit(int s) { hits++; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct timespec t;
  SHOW(fx(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  show("locked", lock);
  SHOW(fx(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  lock = FUTEX_WAITERS;
  SHOW(fx(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  show("marked before", lock);
  lock = FUTEX_WAITERS | FUTEX_OWNER_DIED;
  SHOW(fx(&lock, FUTEX_LOCK_PI2, 0, NULL, NULL, 0));
  show("left behind before", lock);
  SHOW(fx(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  show("unlocked", lock);
  SHOW(fx((char *)&lock + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  SHOW(fx((void *)8, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  SHOW(fx((void *)8, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
  t = (struct timespec){0, -1};
  SHOW(fx(&lock, FUTEX_LOCK_PI, 0, &t, NULL, 0));
  lock = 0x3ffffffe;
  SHOW(fx(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  printf("nobody's: %x\n", lock);

  // In line; who comes first gets it, and has to ask to unlock.
  lock = self();
  for (int i = 0; i < 3; i++) begin(i, 'l', &lock, NULL);
  show("with three in line", lock);
  SHOW(fx(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_REQUEUE_PRIVATE, 1, NULL, &other, 0));
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  told(0);
  show("handed over", lock);
  past(&t, CLOCK_REALTIME, 5);
  SHOW(fx(&lock, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0));
  past(&t, CLOCK_MONOTONIC, 5);
  SHOW(fx(&lock, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL, 0));
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  end(0);
  told(1);
  show("next", lock);
  end(1);
  told(2);
  show("last", lock);
  end(2);
  show("none", lock);

  // A signal's handler runs, and the wait goes on.
  signal(SIGUSR1, hit);
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = hit}, NULL);
  lock = self();
  begin(0, 'l', &lock, NULL);
  pthread_kill(jobs[0].t, SIGUSR1);
  while (!hits) usleep(1000);
  await_sleep(getpid(), tids[0]);
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  told(0);
  end(0);

  // A circle of two.
  lock = self();
  begin(0, 'c', &lock2, &lock);
  SHOW(fx(&lock2, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  told(0);
  end(0);
  lock2 = 0;

  // The word does not say what the kernel knows.
  lock = self();
  begin(0, 'l', &lock, NULL);
  unsigned was = lock;
  lock = getpid() == 1 ? 2 : 1;
  SHOW(fx(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  lock = was;
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  told(0);
  end(0);
  // Somebody waits without inheritance.
  lock = self();
  begin(0, 'p', &lock, NULL);
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  lock = 1;
  SHOW(fx(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  SHOW(fx(&lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  told(0);
  end(0);

  // The owner dies: the first in line gets it, and is told by the word.
  lock = 0;
  begin(0, 'd', &lock, NULL);
  begin(1, 'l', &lock, NULL);
  begin(2, 'l', &lock, NULL);
  end(0);
  told(1);
  show("after a death", lock);
  end(1);
  told(2);
  show("and then", lock);
  end(2);

  // From a word to a lock.
  SHOW(fx(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &word, 0));
  SHOW(fx(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, NULL, &lock, 0));
  past(&t, CLOCK_MONOTONIC, 5);
  SHOW(fx(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &t, &lock, 0));
  past(&t, CLOCK_REALTIME, 5);
  SHOW(fx(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &t, &lock, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &lock, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, (void *)1, &lock, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &word, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &lock, 7));
  lock = 0;
  for (int i = 0; i < 4; i++) begin(i, 'w', &word, &lock);
  SHOW(fx(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &lock, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &lock2, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)2, &lock, 0));
  told(0);
  show("lock", lock);
  end(0);
  told(1);
  show("lock", lock);
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)0, &lock, 0));
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &lock, 0));
  end(1);
  told(2);
  end(2);
  told(3);
  end(3);
  show("lock", lock);
  // In line already, it is not begun anew after a signal.
  lock = self();
  begin(0, 'w', &word, &lock);
  hits = 0;
  pthread_kill(jobs[0].t, SIGUSR1);
  while (!hits) usleep(1000);
  await_sleep(getpid(), tids[0]);
  SHOW(fx(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &lock, 0));
  pthread_kill(jobs[0].t, SIGUSR1);
  told(0);
  end(0);
  SHOW(fx(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
  show("lock", lock);

  // Between processes, at different addresses; the owner's execve leaves robust ones behind.
  struct shared { unsigned lock, ready; struct robust_list_head head; struct robust_list node; unsigned second; } *s, *m;
  s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  s->lock = self();
  pid_t p = fork();
  if (p == 0) {
    m = mremap(s, 0, 4096, MREMAP_MAYMOVE);
    *(volatile unsigned *)&m->ready = 1;
    long r = fx(&m->lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    m->head = (struct robust_list_head){{&m->node}, (long)&m->second - (long)&m->node, NULL};
    m->node.next = (struct robust_list *)&m->head;
    m->second = self() | FUTEX_WAITERS;
    syscall(SYS_set_robust_list, &m->head, sizeof m->head);
    execl("/bin/sh", "sh", "-c", r == 0 ? "exit 3" : "exit 4", NULL);
    _exit(5);
  }
  while (!*(volatile unsigned *)&s->ready) usleep(1000);
  await_sleep(p, p);
  SHOW(fx(&s->lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  int st;
  waitpid(p, &st, 0);
  printf("exit %d, its word %d, the robust one %x\n", WEXITSTATUS(st), (s->lock & FUTEX_TID_MASK) == p, s->second);
  return 0;
}
