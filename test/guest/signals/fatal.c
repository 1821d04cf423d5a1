// Default actions, one child for each signal; and faults that are blocked or ignored kill all the same.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, int n, int st) {
  printf("%s %d: ", what, n);
  if (WIFEXITED(st)) printf("exited %d\n", WEXITSTATUS(st));
  else if (WIFSIGNALED(st)) printf("killed %d\n", WTERMSIG(st));
  else if (WIFSTOPPED(st)) printf("stopped %d\n", WSTOPSIG(st));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  int st;
  for (int sig = 1; sig <= 64; sig++) {
    if (sig == 32 || sig == 33) continue;
    pid_t pid = fork();
    if (pid == 0) {
      // A group with a parent outside: stops of the terminal do nothing to an orphaned one.
      setpgid(0, 0);
      kill(getpid(), sig);
      _exit(5);
    }
    waitpid(pid, &st, WUNTRACED);
    show("signal", sig, st);
    if (WIFSTOPPED(st)) {
      kill(pid, SIGCONT);
      waitpid(pid, &st, 0);
      show("continued", sig, st);
    }
  }
  for (int how = 0; how < 3; how++) {
    pid_t pid = fork();
    if (pid == 0) {
      sigset_t s;
      sigfillset(&s);
      if (how == 0) sigprocmask(SIG_BLOCK, &s, NULL);
      if (how == 1) signal(SIGSEGV, SIG_IGN);
      if (how == 2) {
        // No stack for the handler.
        signal(SIGSEGV, (void (*)(int))1000);
        asm volatile("mov $64, %rsp; push %rax");
      }
      *(volatile int *)0 = 1;
      _exit(6);
    }
    waitpid(pid, &st, 0);
    show("fault", how, st);
  }
  pid_t pid = fork();
  if (pid == 0) abort();
  waitpid(pid, &st, 0);
  show("abort", 0, st);
  return 0;
}
