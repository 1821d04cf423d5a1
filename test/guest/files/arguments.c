// Calls that have to look at an argument that they need late or not at all.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)

int main(void) {
  // An offset that cannot be written back.
  int in = memfd_create("in", MFD_ALLOW_SEALING), out = memfd_create("out", 0);
  write(in, "0123456789", 10);
  off_t *offset = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SHOW("sendfile, offset read-only", sendfile(out, in, offset, 5));
  SHOW("sendfile, nothing to do", sendfile(out, in, offset, 0));

  SHOW("sync a range of a device", sync_file_range(open("/dev/null", O_RDWR), 0, 1, 4));
  SHOW("of a directory", sync_file_range(open("/", O_RDONLY), 0, 1, 4));

  // More than a pipe holds: what fits goes in.
  int p[2];
  static char big[256 << 10] __attribute__((aligned(4096)));
  pipe(p);
  struct iovec v[1] = {{big, sizeof big}};
  SHOW("vmsplice", vmsplice(p[1], v, 1, 0));
  SHOW("vmsplice when full", vmsplice(p[1], v, 1, SPLICE_F_NONBLOCK));
  read(p[0], big, 4096);
  SHOW("vmsplice with room", vmsplice(p[1], v, 1, 0));

  // A seal against shrinking holds for open, too.
  char path[64];
  fcntl(in, F_ADD_SEALS, F_SEAL_SHRINK);
  snprintf(path, sizeof path, "/proc/self/fd/%d", in);
  SHOW("truncating open of a sealed file", open(path, O_RDWR | O_TRUNC));
  SHOW("its size", lseek(in, 0, SEEK_END));

  int word[2] = {0, 0}, *none = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SHOW("requeue a negative number", syscall(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, -1L, word + 1, 0));
  SHOW("wake a negative number", syscall(SYS_futex, word, FUTEX_CMP_REQUEUE, -1L, 1L, word + 1, 0));
  SHOW("requeue to nowhere", syscall(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, 1L, none, 0));

  timer_t t;
  struct sigevent quiet = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  timer_create(CLOCK_REALTIME, &quiet, &t);
  SHOW("a timer without a time", syscall(SYS_timer_settime, *(int *)&t, 0, NULL, NULL));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct itimerspec each = {{0, 1}, {0, 1}};
  timer_settime(t, TIMER_ABSTIME, &each, NULL);
  each.it_interval.tv_nsec = each.it_value.tv_nsec = 0;
  siginfo_t info;
  SHOW("its signal", sigwaitinfo(&set, &info));
  printf("overruns as many as can be counted %d\n", timer_getoverrun(t) == INT_MAX);
  timer_delete(t);

  struct shminfo limits;
  SHOW("shm limits", shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) < 0);
  printf("shmmax %lu shmall %lu\n", limits.shmmax, limits.shmall);

  struct rlimit full = {0, 0};
  setrlimit(RLIMIT_SIGPENDING, &full);
  SHOW("real-time signal, no room", syscall(SYS_tgkill, getpid(), getpid(), SIGRTMIN + 1));
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  SHOW("standard signal", syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
  return 0;
}
