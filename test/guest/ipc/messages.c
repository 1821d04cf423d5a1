// System V message queues: types, lengths, waiting, limits, and what msgctl tells.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../settle.h"

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define OK(c) do { errno = 0; long r_ = (c); printf("%s: %s\n", #c, r_ < 0 ? strerrorname_np(errno) : "ok"); } while (0)
static int id;
static struct { long type; char text[9000]; } m;
static int put(long type, const char *text, int flags) {
  m.type = type;
  strcpy(m.text, text);
  return msgsnd(id, &m, strlen(text), flags);
}
static void get(long type, int room, int flags) {
  memset(&m, 0, sizeof m);
  errno = 0;
  int r = msgrcv(id, &m, room, type, flags);
  printf("get %ld: %d %s, type %ld [%s]\n", type, r, r < 0 ? strerrorname_np(errno) : "-", m.type, m.text);
}
static void stat_(void) {
  struct msqid_ds d;
  msgctl(id, IPC_STAT, &d);
  printf("mode %o bytes %ld n %ld limit %ld sent %d %d received %d %d\n", d.msg_perm.mode, (long)d.__msg_cbytes, (long)d.msg_qnum, (long)d.msg_qbytes, d.msg_stime > 0, d.msg_lspid == getpid(), d.msg_rtime > 0, d.msg_lrpid == getpid());
}
static void hit(int sig) {}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  key_t key = 0x4d000000 | getpid();
  T(msgget(key, 0));
  OK(id = msgget(key, IPC_CREAT | 0640));
  T(msgget(key, IPC_CREAT | IPC_EXCL));
  T(msgget(key, 0) == id);
  stat_();
  T(put(3, "three", 0));
  T(put(1, "one", 0));
  T(put(2, "two", 0));
  T(put(3, "again three", 0));
  T(put(5, "", 0));
  stat_();
  T(put(0, "x", 0));
  T(put(-1, "x", 0));
  T(msgsnd(id, &m, 8193, 0));
  T(msgsnd(id, &m, -1, 0));
  T(msgsnd(id, (void *)8, 1, 0));
  T(msgsnd(-1, &m, 1, 0));
  get(1, 100, MSG_COPY);
  get(1, 100, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT);
  get(1, 100, MSG_COPY | IPC_NOWAIT);
  get(0, 100, MSG_COPY | IPC_NOWAIT);
  get(0, 2, MSG_COPY | IPC_NOWAIT);
  get(0, 2, MSG_COPY | IPC_NOWAIT | MSG_NOERROR);
  get(-1, 100, MSG_COPY | IPC_NOWAIT);
  get(9, 100, MSG_COPY | IPC_NOWAIT);
  get(3, 3, 0);
  get(3, 3, MSG_NOERROR);
  get(-2, 100, 0);
  get(3, 100, MSG_EXCEPT);
  get(7, 100, IPC_NOWAIT);
  get(0, 100, 0);
  get(0, 100, 0);
  get(0, 100, IPC_NOWAIT);
  get(0, -1, 0);
  stat_();
  // Full.
  m.type = 1;
  int n = 0;
  while (msgsnd(id, &m, 1000, IPC_NOWAIT) == 0) n++;
  printf("full %d %s\n", n, strerrorname_np(errno));
  int st;
  pid_t a = fork();
  if (a == 0) _exit(msgsnd(id, &m, 1000, 0) == 0 ? 40 : errno);
  await_sleep(a, a);
  T(msgrcv(id, &m, 9000, 0, 0));
  waitpid(a, &st, 0);
  printf("then sent %d\n", WEXITSTATUS(st));
  while (msgrcv(id, &m, 9000, 0, IPC_NOWAIT) > 0) {}
  a = fork();
  if (a == 0) {
    _exit(msgrcv(id, &m, 100, 4, 0) == 4 ? 41 : errno);
  }
  await_sleep(a, a);
  T(put(6, "six", 0));
  T(put(4, "four", 0));
  waitpid(a, &st, 0);
  printf("received %d\n", WEXITSTATUS(st));
  get(0, 100, 0);
  struct sigaction sa = {.sa_handler = hit, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &sa, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
  get(0, 100, 0);
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  struct msqid_ds d;
  T(msgctl(id, IPC_STAT, &d));
  d.msg_qbytes = 10;
  d.msg_perm.mode = 0600;
  T(msgctl(id, IPC_SET, &d));
  T(put(1, "12345678901", IPC_NOWAIT));
  T(put(1, "1234567890", IPC_NOWAIT));
  stat_();
  struct msginfo mi;
  OK(msgctl(0, IPC_INFO, (void *)&mi));
  printf("%d %d %d %d %d %d %d %d\n", mi.msgpool, mi.msgmap, mi.msgmax, mi.msgmnb, mi.msgssz, mi.msgtql, mi.msgseg, mi.msgmni == 32000 || mi.msgmni > 0);
  get(0, 100, 0);
  a = fork();
  if (a == 0) _exit(msgrcv(id, &m, 10, 0, 0) < 0 && errno == EIDRM ? 42 : 43);
  await_sleep(a, a);
  T(msgctl(id, IPC_RMID, 0));
  waitpid(a, &st, 0);
  printf("removed %d\n", WEXITSTATUS(st));
  T(put(1, "x", 0));
  T(msgctl(id, IPC_RMID, 0));
  char line[300];
  FILE *f = fopen("/proc/sysvipc/msg", "r");
  printf("%s", fgets(line, sizeof line, f));
  f = fopen("/proc/sysvipc/shm", "r");
  printf("%s", fgets(line, sizeof line, f));
  id = msgget(IPC_PRIVATE, 0600);
  if (fork() == 0) {
    setuid(12345);
    T(put(1, "x", 0));
    get(0, 10, IPC_NOWAIT);
    T(msgctl(id, IPC_RMID, 0));
    _exit(0);
  }
  wait(0);
  T(msgctl(id, IPC_RMID, 0));
  return 0;
}
