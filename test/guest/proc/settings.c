// Settings in /proc/sys: what may be written, and what obeys it. On Linux in namespaces of its own, so that nothing of the
// machine changes; of those that all namespaces share only what is refused, or what they have already.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[200];

static const char *get(const char *name) {
  char path[200];
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  int fd = open(path, O_RDONLY), n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n < 0 ? 0 : n] = 0;
  return text;
}

static void put(const char *name, const char *value) {
  char path[200], shown[300] = "";
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  int fd = open(path, O_WRONLY);
  if (fd < 0) {
    printf("%s: %s\n", name, strerrorname_np(errno));
    return;
  }
  errno = 0;
  long r = write(fd, value, strlen(value));
  close(fd);
  for (const char *c = value; *c && strlen(shown) < 250; c++) {
    if (*c == '\n') strcat(shown, "\\n");
    else strncat(shown, c, 1);
  }
  printf("%s <- [%s] %s: %s", name, shown, r < 0 ? strerrorname_np(errno) : r > 0 ? "ok" : "0", get(name));
}

// Writes the same back.
static void again(const char *name) {
  char was[200];
  strcpy(was, get(name));
  char path[200];
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  int fd = open(path, O_WRONLY);
  printf("%s again: %d\n", name, fd >= 0 && write(fd, was, strlen(was)) == (long)strlen(was));
  close(fd);
}

#define T(call) do { \
    errno = 0; \
    long r_ = (long)(call); \
    printf("%s: %s\n", #call, r_ == -1 ? strerrorname_np(errno) : "ok"); \
  } while (0)
// As in a container, where nobody may exceed limits.
static void without_resource(void) {
  unsigned head[2] = {0x20080522, 0}, data[6];
  syscall(125, head, data);
  data[0] &= ~(1u << 24);
  data[1] &= ~(1u << 24);
  syscall(126, head, data);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET);
  without_resource();

  struct utsname u;
  put("kernel/hostname", "box");
  put("kernel/hostname", "box.example.org\nmore");
  uname(&u);
  printf("%s\n", u.nodename);
  put("kernel/hostname", "0123456789012345678901234567890123456789012345678901234567890123456789");
  put("kernel/hostname", "");
  put("kernel/hostname", "\n");
  put("kernel/domainname", "example.org\n");
  uname(&u);
  printf("[%s] %s\n", u.nodename, u.domainname);

  const char *values[] = {"100\n", " 200 ", "0x100", "010", "0", "-1", "+5", "12x", "x", "\n", " \n", "99999999999", "-99999999999", "2147483647",
                          "2147483648", "40000", "32768", "32769", "18446744073709551615", "18446744073709551616", "300 400\n", "300"};
  const char *numbers[] = {"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/shmmni", "kernel/shmmax", "kernel/shmall"};
  for (int i = 0; i < sizeof numbers / sizeof *numbers; i++)
    for (int k = 0; k < sizeof values / sizeof *values; k++) put(numbers[i], values[k]);
  put("kernel/sem", "100 200 30 40\n");
  put("kernel/sem", "101\t201");
  put("kernel/sem", "102 202 32 -1");
  put("kernel/sem", "103 203 33 32769");
  put("kernel/sem", "104 x");
  put("kernel/sem", "105 205 35 45 55");
  put("kernel/sem", "-1");
  put("kernel/sem", "20 50 5 4");
  const char *queues[] = {"fs/mqueue/msg_default", "fs/mqueue/msg_max", "fs/mqueue/msgsize_default", "fs/mqueue/msgsize_max", "fs/mqueue/queues_max"};
  const char *counts[] = {"0", "1", "127", "128", "65536", "65537", "16777216", "16777217", "-1", "20"};
  for (int i = 0; i < sizeof queues / sizeof *queues; i++)
    for (int k = 0; k < sizeof counts / sizeof *counts; k++) put(queues[i], counts[k]);

  // What they say holds.
  put("kernel/msgmax", "100");
  put("kernel/msgmnb", "150");
  put("kernel/msgmni", "2");
  struct { long type; char bytes[200]; } m = {1};
  int q = msgget(IPC_PRIVATE, 0600);
  T(msgsnd(q, &m, 101, IPC_NOWAIT));
  T(msgsnd(q, &m, 100, IPC_NOWAIT));
  T(msgsnd(q, &m, 51, IPC_NOWAIT));
  T(msgsnd(q, &m, 50, IPC_NOWAIT));
  struct msqid_ds ds;
  msgctl(q, IPC_STAT, &ds);
  printf("qbytes %ld\n", (long)ds.msg_qbytes);
  ds.msg_qbytes = 151;
  T(msgctl(q, IPC_SET, &ds));
  struct msginfo mi;
  msgctl(0, IPC_INFO, (void *)&mi);
  printf("%d %d %d\n", mi.msgmax, mi.msgmnb, mi.msgmni);
  T(msgget(IPC_PRIVATE, 0600));
  T(msgget(IPC_PRIVATE, 0600));
  msgctl(q, IPC_RMID, 0);
  int s = semget(IPC_PRIVATE, 20, 0600);
  T(s);
  T(semget(IPC_PRIVATE, 21, 0600));
  T(semget(IPC_PRIVATE, 20, 0600));
  T(semget(IPC_PRIVATE, 11, 0600));
  T(semget(IPC_PRIVATE, 5, 0600));
  T(semget(IPC_PRIVATE, 5, 0600));
  T(semget(IPC_PRIVATE, 1, 0600));
  struct sembuf ops[6] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}};
  T(semop(s, ops, 5));
  T(semop(s, ops, 6));
  struct seminfo si;
  semctl(0, 0, IPC_INFO, &si);
  printf("%d %d %d %d\n", si.semmsl, si.semmns, si.semopm, si.semmni);
  put("kernel/shmmax", "8192");
  put("kernel/shmall", "4");
  put("kernel/shmmni", "3");
  T(shmget(IPC_PRIVATE, 8193, 0600));
  T(shmget(IPC_PRIVATE, 8192, 0600));
  T(shmget(IPC_PRIVATE, 4097, 0600));
  T(shmget(IPC_PRIVATE, 1, 0600));
  put("kernel/shmall", "5");
  T(shmget(IPC_PRIVATE, 1, 0600));
  put("kernel/shmall", "100");
  T(shmget(IPC_PRIVATE, 1, 0600));
  struct shminfo hi;
  shmctl(0, IPC_INFO, (void *)&hi);
  printf("%lu %lu %lu\n", hi.shmmax, hi.shmall, hi.shmmni);

  put("fs/mqueue/msg_default", "4");
  put("fs/mqueue/msg_max", "6");
  put("fs/mqueue/msgsize_default", "300");
  put("fs/mqueue/msgsize_max", "200");
  put("fs/mqueue/queues_max", "2");
  struct mq_attr a = {0, 6, 200, 0}, b = {0, 7, 200, 0}, c = {0, 6, 201, 0}, got;
  mqd_t d = mq_open("/settings-1", O_CREAT | O_RDWR, 0600, 0);
  mq_getattr(d, &got);
  printf("%ld %ld\n", got.mq_maxmsg, got.mq_msgsize);
  T(mq_open("/settings-2", O_CREAT | O_RDWR, 0600, &b));
  T(mq_open("/settings-2", O_CREAT | O_RDWR, 0600, &c));
  T(mq_open("/settings-2", O_CREAT | O_RDWR, 0600, &a));
  T(mq_open("/settings-3", O_CREAT | O_RDWR, 0600, &a));
  mq_unlink("/settings-1");
  mq_unlink("/settings-2");

  put("net/core/somaxconn", "-1");
  put("net/core/somaxconn", "2147483648");
  put("net/core/somaxconn", "1");
  struct sockaddr_un name = {AF_UNIX};
  int l = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(l, (void *)&name, sizeof(sa_family_t));
  socklen_t size = sizeof name;
  getsockname(l, (void *)&name, &size);
  listen(l, 100);
  for (int i = 0; i < 4; i++) {
    int k = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    T(connect(k, (void *)&name, size));
  }

  // Shared by all.
  put("vm/overcommit_memory", "3");
  put("vm/overcommit_memory", "-1");
  put("vm/overcommit_memory", "x");
  again("vm/overcommit_memory");
  again("vm/swappiness");
  again("fs/pipe-max-size");
  again("fs/lease-break-time");
  again("kernel/panic");
  errno = 0;
  int fd = open("/proc/sys/kernel/pid_max", O_WRONLY);
  T(write(fd, "300", 3));
  T(write(fd, "4194305", 7));
  close(fd);
  put("kernel/ostype", "x");
  put("kernel/version", "x");
  setgroups(0, 0);
  setresgid(1000, 1000, 1000);
  setresuid(1000, 1000, 1000);
  put("kernel/msgmax", "1");
  put("kernel/hostname", "x");
  return 0;
}
