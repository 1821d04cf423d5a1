// sched(7): whom one may change, which mistakes are found first, and a thread's id where a process is asked for.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)

static int gate[2];
static volatile pid_t tid;
static volatile int seen;
static void *thread(void *arg) {
  char c;
  tid = syscall(SYS_gettid);
  write(gate[1], "t", 1);
  while (!seen) usleep(1000);
  return arg;
}
static void got(int signo, siginfo_t *info, void *context) { (void)context; printf("signal %d value %d\n", signo, info->si_value.sival_int); seen = 1; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sched_param p = {0}, one = {1};
  char attr[64] = {0};
  SHOW("no parameters", syscall(SYS_sched_setparam, 0, NULL));
  SHOW("a negative id", syscall(SYS_sched_setparam, -1, &p));
  SHOW("nobody", syscall(SYS_sched_setparam, 4000000, &p));
  SHOW("bad parameters", syscall(SYS_sched_setparam, 0, (void *)8));
  SHOW("bad priority", syscall(SYS_sched_setparam, 0, &one));
  SHOW("policy without parameters", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
  SHOW("a negative policy", syscall(SYS_sched_setscheduler, 4000000, -1, &p));
  SHOW("no attributes", syscall(SYS_sched_getattr, 0, NULL, 48, 0));
  SHOW("nobody's attributes", syscall(SYS_sched_getattr, 4000000, attr, 48, 0));

  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  pid_t other = geteuid() == 0 ? fork() : -1;
  if (other == 0) {
    setresuid(1000, 1000, 1000);
    cpu_set_t all;
    memset(&all, 255, sizeof all);
    SHOW("another user's affinity", sched_setaffinity(child, sizeof all, &all));
    SHOW("another user's policy", sched_setscheduler(child, SCHED_BATCH, &p));
    SHOW("another user's nice value", setpriority(PRIO_PROCESS, child, 5));
    SHOW("one's own", sched_setaffinity(0, sizeof all, &all));
    SHOW("real time", sched_setscheduler(0, SCHED_FIFO, &one));
    _exit(0);
  }
  if (other > 0) waitpid(other, NULL, 0);
  kill(child, SIGKILL);
  while (wait(NULL) > 0)
    ;

  pipe(gate);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  char c;
  read(gate[0], &c, 1);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigaction(SIGUSR1, &(struct sigaction){.sa_sigaction = got, .sa_flags = SA_SIGINFO}, NULL);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = 42};
  long queued = syscall(SYS_rt_sigqueueinfo, tid, SIGUSR1, &info);
  pthread_join(t, NULL);
  SHOW("queue to a thread's id", queued);
  return 0;
}
