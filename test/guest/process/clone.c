// clone and clone3 without a library: flags, what is shared, ids in memory, errors.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/futex.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared = 1;
static int fds[2];
static int body(void *arg) {
  shared = 2;
  if (arg) {
    close(fds[0]);
    (void)!chdir("/");
    umask(0);
  }
  return 17;
}
static long err(long r) { return r < 0 ? -errno : r; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int st;
  (void)!pipe(fds);
  // Nothing shared but the exit signal.
  pid_t p = clone(body, stack + sizeof stack, SIGCHLD, NULL);
  waitpid(p, &st, 0);
  printf("copy: shared %d exit %d\n", shared, WEXITSTATUS(st));
  p = clone(body, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
  waitpid(p, &st, 0);
  printf("vm: shared %d exit %d fd open %d\n", shared, WEXITSTATUS(st), fcntl(fds[0], F_GETFD));
  p = clone(body, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, (void *)1);
  waitpid(p, &st, 0);
  char cwd[100];
  printf("files: fd %d cwd %s umask %o\n", fcntl(fds[0], F_GETFD), getcwd(cwd, 100), umask(022));
  // A child with another exit signal needs __WCLONE or __WALL.
  p = clone(body, stack + sizeof stack, 0, NULL);
  long r = err(waitpid(p, &st, 0));
  printf("no signal: %ld", r);
  r = waitpid(p, &st, __WALL);
  printf(" then %d\n", r == p);
  // Before it can come.
  signal(SIGUSR2, SIG_IGN);
  p = clone(body, stack + sizeof stack, SIGUSR2 | CLONE_VM, NULL);
  r = waitpid(p, &st, __WCLONE);
  printf("wclone %d\n", r == p);
  // Ids.
  pid_t ptid = 0, ctid = 0;
  p = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ptid, &ctid, 0);
  if (p == 0) _exit(ctid == getpid() && ptid == 0 ? 1 : 2);
  waitpid(p, &st, 0);
  printf("ptid %d ctid here %d child saw %d\n", ptid == p, ctid, WEXITSTATUS(st));
  volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *word = 55;
  p = syscall(SYS_clone, CLONE_CHILD_CLEARTID | CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, (void *)word, 0);
  if (p == 0) _exit(0);
  waitpid(p, &st, 0);
  printf("cleared %d\n", *word);
  // CLONE_PARENT: a sibling.
  p = fork();
  if (p == 0) {
    pid_t s = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (s == 0) _exit(44);
    _exit(err(waitpid(s, &st, 0)) == -ECHILD ? 45 : 46);
  }
  int sum = 0;
  for (int i = 0; i < 2; i++) {
    wait(&st);
    sum += WEXITSTATUS(st);
  }
  printf("parent: %d\n", sum);
  // Errors.
  printf("thread without sighand %ld\n", err(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, stack + 60000, 0, 0, 0)));
  printf("sighand without vm %ld\n", err(syscall(SYS_clone, CLONE_SIGHAND, stack + 60000, 0, 0, 0)));
  printf("newns with fs %ld\n", err(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS, 0, 0, 0, 0)));

  struct clone_args a = {.exit_signal = SIGCHLD};
  p = syscall(SYS_clone3, &a, sizeof a);
  if (p == 0) _exit(21);
  waitpid(p, &st, 0);
  printf("clone3 %d\n", WEXITSTATUS(st));
  int pidfd = -1;
  a.flags = CLONE_PIDFD;
  a.pidfd = (uintptr_t)&pidfd;
  p = syscall(SYS_clone3, &a, sizeof a);
  if (p == 0) _exit(22);
  siginfo_t si = {0};
  r = waitid(3 /* P_PIDFD */, pidfd, &si, WEXITED);
  printf("pidfd %d: %ld status %d cloexec %d\n", pidfd >= 0, r, si.si_status, fcntl(pidfd, F_GETFD));
  a.flags = 0;
  printf("size too small %ld\n", err(syscall(SYS_clone3, &a, 32)));
  struct { struct clone_args a; long more; } big = {a, 0};
  p = syscall(SYS_clone3, &big, sizeof big);
  if (p == 0) _exit(23);
  waitpid(p, &st, 0);
  printf("longer %d\n", WEXITSTATUS(st));
  big.more = 1;
  printf("longer not zero %ld\n", err(syscall(SYS_clone3, &big, sizeof big)));
  a.stack = 4096;
  printf("stack without size %ld\n", err(syscall(SYS_clone3, &a, sizeof a)));
  a.stack = 0;
  a.exit_signal = 65;
  printf("bad signal %ld\n", err(syscall(SYS_clone3, &a, sizeof a)));
  a.exit_signal = SIGCHLD;
  a.flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
  printf("thread with exit signal %ld\n", err(syscall(SYS_clone3, &a, sizeof a)));
  a.flags = 0x7000000000ull;
  printf("unknown flag %ld\n", err(syscall(SYS_clone3, &a, sizeof a)));
  printf("bad pointer %ld\n", err(syscall(SYS_clone3, 8, sizeof a)));

  // vfork: the parent waits for exec or exit, and sees what the child wrote.
  shared = 5;
  p = vfork();
  if (p == 0) {
    shared = 6;
    _exit(31);
  }
  int saw = shared;
  waitpid(p, &st, 0);
  printf("vfork: saw %d exit %d\n", saw, WEXITSTATUS(st));
  p = vfork();
  if (p == 0) {
    execlp("sh", "sh", "-c", "exit 32", NULL);
    _exit(1);
  }
  waitpid(p, &st, 0);
  printf("vfork exec: %d\n", WEXITSTATUS(st));
  p = vfork();
  if (p == 0) {
    raise(SIGKILL);
    _exit(1);
  }
  waitpid(p, &st, 0);
  printf("vfork kill: %d\n", WTERMSIG(st));
  return 0;
}
