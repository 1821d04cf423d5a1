// Options of prctl that came later, and a process as its own pidfd.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define T(call) do { \
    errno = 0; \
    long r_ = (long)(call); \
    printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerror(errno) : ""); \
  } while (0)

int main(void) {
  // PR_MCE_KILL and PR_MCE_KILL_GET.
  int what[][3] = {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {1, 1, 0}, {1, 2, 0}, {1, 3, 0}, {2, 0, 0}, {1, 1, 1}, {1, 1, 0}, {0, 0, 0}};
  for (int i = 0; i < 10; i++) {
    T(prctl(33, what[i][0], what[i][1], what[i][2], 0));
    T(prctl(34, 0, 0, 0, 0));
  }
  T(prctl(34, 1, 0, 0, 0));
  // PR_SET_MEMORY_MERGE and PR_GET_MEMORY_MERGE.
  T(prctl(67, 1, 0, 0, 0));
  T(prctl(68, 0, 0, 0, 0));
  T(prctl(67, 0, 0, 0, 0));
  T(prctl(68, 0, 0, 0, 0));
  T(prctl(68, 1, 0, 0, 0));
  T(prctl(67, 1, 1, 0, 0));
  T(syscall(SYS_pidfd_send_signal, -10000, 0, 0, 0));
  T(syscall(SYS_pidfd_send_signal, -10001, 0, 0, 0));
  T(syscall(SYS_pidfd_send_signal, -10002, 0, 0, 0));
  T(syscall(SYS_ioprio_set, 1, 0, 8 << 13));
  T(syscall(SYS_ioprio_set, 1, 0, 4 << 13));
  T(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7));
  T(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 8));
  T(syscall(SYS_ioprio_set, 1, 0, 10 << 13 | 3));
  T(syscall(SYS_ioprio_get, 1, 0));
  return 0;
}
