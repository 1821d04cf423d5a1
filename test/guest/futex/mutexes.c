// What libc builds on futexes: robust, priority-inheriting and shared mutexes, conditions, semaphores.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t *make(int robust, int pi, int shared, int type) {
  pthread_mutexattr_t a;
  pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_init(&a);
  if (robust) pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  if (pi) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
  if (shared) pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_settype(&a, type);
  pthread_mutex_init(m, &a);
  return m;
}
static void *hold_and_die(void *m) {
  pthread_mutex_lock(m);
  return NULL;
}
static long counter;
static void *count(void *m) {
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(m);
    long c = counter;
    if (i % 50 == 0) sched_yield();
    counter = c + 1;
    pthread_mutex_unlock(m);
  }
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  pthread_t t[4];
  pthread_mutex_t *m = make(1, 0, 0, PTHREAD_MUTEX_NORMAL);
  pthread_create(&t[0], NULL, hold_and_die, m);
  pthread_join(t[0], NULL);
  int r = pthread_mutex_lock(m);
  printf("owner died %d\n", r == EOWNERDEAD);
  printf("consistent %d\n", pthread_mutex_consistent(m));
  printf("unlock %d\n", pthread_mutex_unlock(m));
  printf("lock %d\n", pthread_mutex_lock(m));
  pthread_mutex_unlock(m);
  pthread_create(&t[0], NULL, hold_and_die, m);
  pthread_join(t[0], NULL);
  r = pthread_mutex_lock(m);
  pthread_mutex_unlock(m);
  printf("not made consistent %d %d\n", r == EOWNERDEAD, pthread_mutex_lock(m) == ENOTRECOVERABLE);

  // A process that dies with the lock; the parent is already waiting.
  m = make(1, 0, 1, PTHREAD_MUTEX_NORMAL);
  int fds[2];
  (void)!pipe(fds);
  pid_t p = fork();
  if (p == 0) {
    pthread_mutex_lock(m);
    (void)!write(fds[1], "x", 1);
    usleep(30000);
    raise(SIGKILL);
  }
  char c;
  (void)!read(fds[0], &c, 1);
  r = pthread_mutex_lock(m);
  printf("other process died %d\n", r == EOWNERDEAD);
  wait(NULL);

  for (int kind = 0; kind < 3; kind++) {
    m = make(0, kind == 1, kind == 2, PTHREAD_MUTEX_ERRORCHECK);
    counter = 0;
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, count, m);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    printf("kind %d: %ld\n", kind, counter);
    pthread_mutex_lock(m);
    printf("again %d", pthread_mutex_lock(m) == EDEADLK);
    printf(" try %d", pthread_mutex_trylock(m) == EBUSY);
    pthread_mutex_unlock(m);
    printf(" not mine %d\n", pthread_mutex_unlock(m) == EPERM);
  }
  m = make(1, 1, 0, PTHREAD_MUTEX_NORMAL);
  pthread_create(&t[0], NULL, hold_and_die, m);
  pthread_join(t[0], NULL);
  printf("robust pi %d\n", pthread_mutex_lock(m) == EOWNERDEAD);
  pthread_mutex_consistent(m);
  pthread_mutex_unlock(m);
  m = make(0, 1, 0, PTHREAD_MUTEX_NORMAL);
  pthread_mutex_lock(m);
  p = 0;
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  ts.tv_nsec += 10000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  pthread_mutex_t *n = make(0, 0, 0, PTHREAD_MUTEX_NORMAL);
  pthread_mutex_lock(n);
  printf("timedlock %d\n", pthread_mutex_timedlock(n, &ts) == ETIMEDOUT);

  // A semaphore and a condition between processes.
  struct { sem_t sem; pthread_mutex_t m; pthread_cond_t c; int turn, total; } *s;
  s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(&s->sem, 1, 0);
  pthread_mutexattr_t ma;
  pthread_mutexattr_init(&ma);
  pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&s->m, &ma);
  pthread_condattr_t ca;
  pthread_condattr_init(&ca);
  pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&s->c, &ca);
  p = fork();
  int me = p == 0;
  for (int i = 0; i < 100; i++) {
    pthread_mutex_lock(&s->m);
    while (s->turn != me) pthread_cond_wait(&s->c, &s->m);
    s->turn = !me;
    s->total++;
    pthread_cond_signal(&s->c);
    pthread_mutex_unlock(&s->m);
  }
  if (p == 0) {
    usleep(10000);
    sem_post(&s->sem);
    _exit(0);
  }
  r = sem_wait(&s->sem);
  printf("sem_wait %d total %d\n", r, s->total);
  wait(NULL);
  return 0;
}
