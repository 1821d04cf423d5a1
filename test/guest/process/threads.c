// POSIX threads: creation, thread-local storage, mutexes, conditions, cancellation, and ends of all kinds.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <time.h>
#include <sched.h>

static __thread int mine = 7;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;
static void *count(void *arg) {
  mine += (int)(long)arg;
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&lock);
    counter++;
    pthread_mutex_unlock(&lock);
  }
  return (void *)(long)mine;
}
static void *pingpong(void *arg) {
  int me = (int)(long)arg;
  for (int i = 0; i < 200; i++) {
    pthread_mutex_lock(&lock);
    while (turn != me) pthread_cond_wait(&cond, &lock);
    turn = !me;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}
static void cleanup(void *arg) { printf("cleanup %s\n", (char *)arg); }
static void *forever(void *arg) {
  pthread_cleanup_push(cleanup, "cancelled");
  for (;;) sleep(100);
  pthread_cleanup_pop(0);
  return NULL;
}
static void *spin(void *arg) {
  for (volatile long i = 0;; i++)
    ;
}
static pthread_key_t key;
static void destroy(void *v) { printf("destroy %s\n", (char *)v); }
static void *keyed(void *arg) {
  pthread_setspecific(key, "value");
  return NULL;
}
static pthread_barrier_t barrier;
static void *meet(void *arg) {
  return (void *)(long)(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
}
static void *main_gone(void *arg) {
  pthread_join(*(pthread_t *)arg, NULL);
  printf("main has ended\n");
  exit(12);
}
static void *last_thread(void *arg) {
  usleep(20000);
  syscall(SYS_exit, 16);
  return NULL;
}
static void *run_exec(void *arg) {
  execlp("sh", "sh", "-c", "exit 13", NULL);
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  pthread_t t[8];
  void *r;
  for (long i = 0; i < 8; i++) pthread_create(&t[i], NULL, count, (void *)i);
  int sum = 0;
  for (int i = 0; i < 8; i++) {
    pthread_join(t[i], &r);
    sum += (int)(long)r;
  }
  printf("counter %ld sum %d mine %d\n", counter, sum, mine);
  for (long i = 0; i < 2; i++) pthread_create(&t[i], NULL, pingpong, (void *)i);
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
  printf("turn %d\n", turn);
  pthread_create(&t[0], NULL, forever, NULL);
  usleep(10000);
  pthread_cancel(t[0]);
  pthread_join(t[0], &r);
  printf("cancelled %d\n", r == PTHREAD_CANCELED);
  pthread_key_create(&key, destroy);
  pthread_create(&t[0], NULL, keyed, NULL);
  pthread_join(t[0], NULL);
  pthread_barrier_init(&barrier, NULL, 4);
  for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, meet, NULL);
  sum = 0;
  for (int i = 0; i < 4; i++) {
    pthread_join(t[i], &r);
    sum += (int)(long)r;
  }
  printf("serial threads %d\n", sum);
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  ts.tv_nsec += 20000000;
  if (ts.tv_nsec >= 1000000000) {
    ts.tv_sec++;
    ts.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&lock);
  int e = pthread_cond_timedwait(&cond, &lock, &ts);
  pthread_mutex_unlock(&lock);
  printf("timedwait %s\n", strerror(e));
  sem_t sem;
  sem_init(&sem, 0, 1);
  printf("sem %d", sem_wait(&sem));
  printf(" %d", sem_trywait(&sem));
  printf(" %s\n", strerror(errno));
  pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
  pthread_rwlock_rdlock(&rw);
  printf("rw %d %d\n", pthread_rwlock_tryrdlock(&rw), pthread_rwlock_trywrlock(&rw) == EBUSY);

  for (int how = 0; how < 6; how++) {
    pid_t p = fork();
    if (p == 0) {
      pthread_t self = pthread_self();
      switch (how) {
        case 0:  // main ends, another thread exits the process
          pthread_create(&t[0], NULL, main_gone, &self);
          pthread_exit(NULL);
        case 1:  // exec from a thread that is not the first
          pthread_create(&t[0], NULL, run_exec, NULL);
          pthread_join(t[0], NULL);
          _exit(1);
        case 2:  // exit while another runs
          pthread_create(&t[0], NULL, spin, NULL);
          usleep(5000);
          exit(14);
        case 3:  // a spinning thread is preempted
          pthread_create(&t[0], NULL, spin, NULL);
          for (int i = 0; i < 10; i++) sched_yield();
          _exit(15);
        case 4:  // exec while others run
          for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, spin, NULL);
          run_exec(NULL);
        case 5:  // threads end one by one: the last one's status is the process's
          pthread_create(&t[0], NULL, last_thread, NULL);
          syscall(SYS_exit, 9);
      }
    }
    int st;
    waitpid(p, &st, 0);
    printf("%d: exited %d %d\n", how, WIFEXITED(st), WEXITSTATUS(st));
  }
  return 0;
}
