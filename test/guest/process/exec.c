// What execve keeps and what it resets: ids, masks, ignored signals, pending signals, timers, descriptors.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void on(int sig) {}
static int second(char **argv) {
  sigset_t m, p;
  struct sigaction sa;
  stack_t ss;
  char name[16];
  sigprocmask(SIG_SETMASK, NULL, &m);
  sigpending(&p);
  printf("pid %d ppid same %d\n", atoi(argv[2]) == getpid(), atoi(argv[3]) == getppid());
  printf("mask usr1 %d usr2 %d pending usr1 %d\n", sigismember(&m, SIGUSR1), sigismember(&m, SIGUSR2), sigismember(&p, SIGUSR1));
  sigaction(SIGTERM, NULL, &sa);
  printf("ignored stays %d\n", sa.sa_handler == SIG_IGN);
  sigaction(SIGINT, NULL, &sa);
  printf("handled is default %d flags %x\n", sa.sa_handler == SIG_DFL, sa.sa_flags);
  sigaltstack(NULL, &ss);
  printf("altstack disabled %d\n", ss.ss_flags == SS_DISABLE);
  printf("fd 50 %d fd 51 %d\n", fcntl(50, F_GETFD), fcntl(51, F_GETFD));
  prctl(PR_GET_NAME, name);
  printf("name %s\n", name);
  struct rlimit rl;
  getrlimit(RLIMIT_NOFILE, &rl);
  printf("nofile %ld nice %d\n", (long)rl.rlim_cur, getpriority(PRIO_PROCESS, 0));
  printf("alarm left %d\n", alarm(0) > 0);
  printf("keeps no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  printf("env %s umask %o\n", getenv("MARK"), umask(0));
  return 21;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 1) return second(argv);
  pid_t p = fork();
  if (p == 0) {
    static char stack[32768];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&ss, NULL);
    sigset_t m;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    sigprocmask(SIG_SETMASK, &m, NULL);
    raise(SIGUSR1);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, on);
    int fd = open("/dev/null", O_RDONLY);
    dup2(fd, 50);
    dup3(fd, 51, O_CLOEXEC);
    prctl(PR_SET_NAME, "renamed");
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){333, 400});
    setpriority(PRIO_PROCESS, 0, 5);
    alarm(100);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setenv("MARK", "here", 1);
    umask(027);
    char a[20], b[20];
    sprintf(a, "%d", getpid());
    sprintf(b, "%d", getppid());
    char *args[] = {"x", "second", a, b, NULL};
    execv("/proc/self/exe", args);
    execv(argv[0], args);
    perror("exec");
    _exit(1);
  }
  int st;
  waitpid(p, &st, 0);
  printf("exit %d\n", WEXITSTATUS(st));
  char *none[] = {"x", NULL};
  int r = execv("/nonexistent", none);
  printf("missing: %d %s\n", r, strerror(errno));
  r = execv("/etc", none);
  printf("folder: %d %s\n", r, strerror(errno));
  r = execv("/etc/passwd", none);
  printf("not executable: %d %s\n", r, strerror(errno));
  return 0;
}
