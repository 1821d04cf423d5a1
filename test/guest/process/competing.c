// Calls about processes, memory and time with more than one thing wrong, or with nothing to do.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long r) {
  if (r < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, r);
}
#define T(call) show(#call, (long)(call))
#define NOBODY 0x7ffffff0

int main(void) {
  puts("signals");
  T(kill(NOBODY, 65));
  T(kill(-NOBODY, 65));
  T(kill(INT_MIN, 65));
  T(kill(getpid(), 65));
  T(kill(0, 65));
  siginfo_t info = {.si_code = SI_USER};
  T(syscall(SYS_rt_tgsigqueueinfo, NOBODY, gettid(), 0, &info));
  T(syscall(SYS_rt_tgsigqueueinfo, getpid(), NOBODY, 0, &info));
  T(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), 0, &info));
  stack_t none = {0}, small = {.ss_sp = &info, .ss_size = 1};
  T(sigaltstack(&none, NULL));
  T(sigaltstack(&small, NULL));
  // The set is written as far as the caller has room for it.
  sigset_t blocked;
  sigfillset(&blocked);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  raise(SIGUSR1);
  uint8_t pending[9];
  memset(pending, 0xee, sizeof pending);
  T(syscall(SYS_rt_sigpending, pending, 3L));
  printf("%02x %02x %02x %02x\n", pending[0], pending[1], pending[2], pending[3]);
  T(syscall(SYS_rt_sigpending, NULL, 0L));
  T(syscall(SYS_rt_sigpending, pending, 9L));
  signal(SIGUSR1, SIG_IGN);
  sigemptyset(&blocked);
  sigprocmask(SIG_SETMASK, &blocked, NULL);

  puts("processes");
  T(setpgid(-NOBODY, 0));
  T(setpgid(NOBODY, 0));
  // What is told of a child is zero when the call fails, too.
  memset(&info, 0xee, sizeof info);
  T(waitid(P_ALL, 0, &info, WEXITED));
  printf("%d %d %d\n", info.si_signo, info.si_pid, info.si_status);
  memset(&info, 0xee, sizeof info);
  T(waitid(99, 0, &info, WEXITED));
  printf("%d %d %d\n", info.si_signo, info.si_pid, info.si_status);
  T(waitid(99, 0, (void *)8, WEXITED));
  T(syscall(SYS_waitid, P_ALL, 0, NULL, WEXITED, NULL));
  uint64_t args[11] = {[4] = -1};
  T(syscall(SYS_clone3, args, 64L));
  args[4] = SIGCHLD, args[0] = 1UL << 40;
  T(syscall(SYS_clone3, args, 88L));
  args[0] = 0, args[4] = 1UL << 60;
  T(syscall(SYS_clone3, args, 88L));
  T(syscall(SYS_unshare, 1UL << 40));
  T(syscall(SYS_sched_setscheduler, 0, -1, 8L));
  struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t rest[5]; } attr = {0};
  attr.size = 64, attr.rest[4] = 1;
  T(syscall(SYS_sched_setattr, 0, &attr, 0));
  T(attr.size >= 48 && attr.size < 64);
  attr.size = 48, attr.rest[4] = 0, attr.flags = 1 << 20;
  T(syscall(SYS_sched_setattr, 0, &attr, 0));
  struct iovec nothing = {&attr, 0}, much = {&attr, LONG_MIN};
  T(syscall(SYS_process_vm_readv, NOBODY, &nothing, 1L, &much, 1L, 0L));
  T(syscall(SYS_process_vm_readv, NOBODY, &nothing, 0L, NULL, 1L, 0L));
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  T(syscall(SYS_capget, &header, NULL));

  puts("memory");
  char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *p = 1;
  T(mremap(p, 1L << 62, 4096, 0) != MAP_FAILED);
  T(mremap(p, -4096L, 4096, 0) == MAP_FAILED ? -1 : 0);
  p[4096] = p[8192] = 1;
  T(mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | 1 << 23, 0, 0) == MAP_FAILED);
  T(msync(p, -1L, MS_SYNC));
  T(madvise((void *)0xffff800000000000, 4096, MADV_NORMAL));
  T(munlock((void *)0xffff800000000000, 4096));
  T(munlock(p, -1L));

  puts("time and waiting");
  timer_t id;
  T(syscall(SYS_timer_create, -1, NULL, &id));
  T(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &id));
  T(syscall(SYS_timer_create, 99, NULL, &id));
  struct timespec zero = {0};
  T(clock_nanosleep(99, 0, &zero, NULL));
  T(syscall(SYS_clock_nanosleep, -1, 0, &zero, NULL));
  T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &zero, NULL));
  uint32_t word = 5;
  T(syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
  T(syscall(SYS_futex, 1L, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
  T(syscall(SYS_futex, 1L, 99, 0, NULL, NULL, 0));
  T(syscall(SYS_futex, 1L, FUTEX_WAKE, 0, NULL, NULL, 0));
  T(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, -1, 0L, &word, 4));
  struct sembuf op = {0};
  T(semop(-1, &op, 1000));
  T(semop(-1, &op, 0));
  return 0;
}
