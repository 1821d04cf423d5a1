// Signals and threads: directed ones go to their thread, others to whoever does not block them.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <errno.h>
#include <unistd.h>
#include <sys/syscall.h>

static __thread int me;
static volatile int got[4];
static volatile int ready;
static void on(int sig) { got[me]++; }
static void *worker(void *arg) {
  me = (int)(long)arg;
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGUSR2);
  if (me == 2) pthread_sigmask(SIG_UNBLOCK, &s, NULL);
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  while (!got[me]) usleep(1000);
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_handler = on;
  sigaction(SIGUSR1, &sa, NULL);
  sigaction(SIGUSR2, &sa, NULL);
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &s, NULL);
  pthread_t t[4];
  for (long i = 1; i < 4; i++) pthread_create(&t[i], NULL, worker, (void *)i);
  while (ready < 3) usleep(1000);
  kill(getpid(), SIGUSR2);
  pthread_join(t[2], NULL);
  printf("unblocked thread took it: %d %d %d %d\n", got[0], got[1], got[2], got[3]);
  pthread_kill(t[1], SIGUSR1);
  pthread_join(t[1], NULL);
  printf("directed: %d %d %d %d\n", got[0], got[1], got[2], got[3]);
  kill(getpid(), SIGUSR1);
  printf("main first: %d\n", got[0]);
  pthread_kill(t[3], SIGUSR1);
  pthread_join(t[3], NULL);
  printf("end: %d %d %d %d\n", got[0], got[1], got[2], got[3]);
  long r = syscall(SYS_tgkill, getpid() + 1, gettid(), 0);
  printf("tgkill wrong group: %ld %d\n", r, errno);
  printf("tgkill self: %ld\n", syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
  printf("got %d\n", got[0]);
  return 0;
}
