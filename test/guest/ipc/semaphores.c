// System V semaphores: operations at once, waiting, timeouts, undo, removal, and what semctl tells.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../settle.h"

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define OK(c) do { errno = 0; long r_ = (c); printf("%s: %s\n", #c, r_ < 0 ? strerrorname_np(errno) : "ok"); } while (0)
static int id;
static int op(int n, int by, int flags) {
  struct sembuf s = {n, by, flags};
  return semop(id, &s, 1);
}
static void values(void) {
  unsigned short v[3];
  semctl(id, 0, GETALL, v);
  printf("values %d %d %d\n", v[0], v[1], v[2]);
}
static void hit(int sig) {}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  key_t key = 0x4b000000 | getpid();
  T(semget(key, 3, 0));
  OK(id = semget(key, 3, IPC_CREAT | 0640));
  T(semget(key, 3, IPC_CREAT | IPC_EXCL));
  T(semget(key, 2, 0) == id);
  T(semget(key, 4, 0));
  T(semget(IPC_PRIVATE, 0, 0600));
  T(semget(IPC_PRIVATE, 40000, 0600));
  T(semget(IPC_PRIVATE, -1, 0600));
  values();
  T(op(0, 2, 0));
  T(op(0, -3, IPC_NOWAIT));
  T(op(0, 0, IPC_NOWAIT));
  T(op(1, 0, 0));
  T(op(3, 1, 0));
  T(op(0, 32767, 0));
  struct sembuf two[2] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
  T(semop(id, two, 2));
  values();
  two[1].sem_op = 5;
  T(semop(id, two, 2));
  values();
  T(semop(id, two, 0));
  T(semop(id, two, 501));
  T(semop(id, (void *)8, 2));
  T(semop(-1, two, 1));
  T(semop(0x7ffffff0, two, 1));
  T(semctl(id, 0, GETPID) == getpid());
  T(semctl(id, 2, GETPID));
  T(semctl(id, 1, GETVAL));
  T(semctl(id, 1, SETVAL, 7));
  T(semctl(id, 1, SETVAL, -1));
  T(semctl(id, 1, SETVAL, 40000));
  T(semctl(id, 3, GETVAL));
  T(semctl(id, 0, 99));
  unsigned short set[3] = {1, 2, 3}, big[3] = {1, 40000, 3};
  T(semctl(id, 0, SETALL, set));
  T(semctl(id, 0, SETALL, big));
  values();
  struct timespec ms10 = {0, 10000000}, bad = {0, -1};
  two[0].sem_op = -2;
  T(semtimedop(id, two, 1, &ms10));
  T(semtimedop(id, two, 1, &bad));
  struct semid_ds ds;
  T(semctl(id, 0, IPC_STAT, &ds));
  printf("mode %o n %ld mine %d otime %d ctime %d key %d\n", ds.sem_perm.mode, (long)ds.sem_nsems, ds.sem_perm.cuid == geteuid(), ds.sem_otime > 0, ds.sem_ctime > 0, ds.sem_perm.__key == key);
  ds.sem_perm.mode = 0600;
  T(semctl(id, 0, IPC_SET, &ds));
  T(semctl(id, 0, IPC_STAT, &ds));
  printf("mode %o\n", ds.sem_perm.mode);
  struct seminfo si;
  OK(semctl(0, 0, IPC_INFO, &si));
  printf("%d %d %d %d %d %d\n", si.semmni, si.semmns, si.semmsl, si.semopm, si.semvmx, si.semaem);

  // Waiting: a child for more, another for zero.
  pid_t a = fork();
  if (a == 0) {
    int r = op(0, -2, 0);
    _exit(r == 0 ? 40 : errno);
  }
  pid_t z = fork();
  if (z == 0) {
    int r = op(2, 0, 0);
    _exit(r == 0 ? 41 : errno);
  }
  await_sleep(a, a);
  await_sleep(z, z);
  printf("ncnt %d zcnt %d none %d\n", semctl(id, 0, GETNCNT), semctl(id, 2, GETZCNT), semctl(id, 1, GETNCNT));
  int st;
  T(op(0, 1, 0));
  waitpid(a, &st, 0);
  printf("more: %d\n", WEXITSTATUS(st));
  T(op(2, -3, 0));
  waitpid(z, &st, 0);
  printf("zero: %d\n", WEXITSTATUS(st));
  values();
  // Undo.
  if (fork() == 0) {
    op(0, 5, SEM_UNDO);
    op(1, -2, SEM_UNDO);
    values();
    _exit(0);
  }
  wait(0);
  values();
  if (fork() == 0) {
    op(1, -1, SEM_UNDO);
    semctl(id, 1, SETVAL, 9);
    _exit(0);
  }
  wait(0);
  values();
  // A signal ends the wait, whatever its flags.
  struct sigaction sa = {.sa_handler = hit, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &sa, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
  T(op(2, -1, 0));
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  // Removal.
  a = fork();
  if (a == 0) {
    int r = op(2, -1, 0);
    _exit(r < 0 && errno == EIDRM ? 42 : 43);
  }
  await_sleep(a, a);
  T(semctl(id, 0, IPC_RMID));
  waitpid(a, &st, 0);
  printf("removed: %d\n", WEXITSTATUS(st));
  T(semctl(id, 0, GETVAL));
  T(op(0, 1, 0));
  char line[200];
  FILE *f = fopen("/proc/sysvipc/sem", "r");
  printf("%s", fgets(line, sizeof line, f));
  // Others may not.
  id = semget(IPC_PRIVATE, 1, 0600);
  if (fork() == 0) {
    setuid(12345);
    T(op(0, 1, 0));
    T(semctl(id, 0, GETVAL));
    T(semctl(id, 0, IPC_RMID));
    _exit(0);
  }
  wait(0);
  T(semctl(id, 0, IPC_RMID));
  return 0;
}
