// sigaltstack: handlers on a stack of their own, which is how a stack overflow can be survived.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static char stack[65536] __attribute__((aligned(16)));
static sigjmp_buf back;
static void on(int sig, siginfo_t *si, void *uc) {
  char here;
  stack_t ss, to = {0};
  sigaltstack(NULL, &ss);
  printf("on stack %d flags %d aligned %d", &here >= stack && &here < stack + sizeof stack, ss.ss_flags,
         (int)((uintptr_t)__builtin_frame_address(0) % 16));
  to.ss_flags = SS_DISABLE;
  int r = sigaltstack(&to, NULL);
  printf(" change %d %d\n", r, r < 0 ? errno : 0);
  if (sig == SIGSEGV) siglongjmp(back, 1);
}
static int deep(int n) {
  volatile char pad[4096];
  pad[0] = n;
  return deep(n + 1) + pad[0];
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 1 << 23});
  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;
  stack_t tiny = {.ss_sp = stack, .ss_size = 100}, odd = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 77};
  printf("tiny %d", sigaltstack(&tiny, NULL));
  printf(" %d\n", errno);
  printf("odd %d", sigaltstack(&odd, NULL));
  printf(" %d\n", errno);
  sigaltstack(NULL, &old);
  printf("before: flags %d\n", old.ss_flags);
  printf("set %d\n", sigaltstack(&ss, NULL));
  sigaltstack(NULL, &old);
  printf("after: flags %d size %zu\n", old.ss_flags, old.ss_size);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR2, &sa, NULL);
  raise(SIGUSR2);
  sigaltstack(&ss, NULL);
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &sa, NULL);
  for (int i = 0; i < 2; i++) {
    if (sigsetjmp(back, 1) == 0) deep(0);
    else printf("survived\n");
  }
  ss.ss_flags = 1u << 31;  // SS_AUTODISARM
  printf("autodisarm %d\n", sigaltstack(&ss, NULL));
  raise(SIGUSR1);
  sigaltstack(NULL, &old);
  printf("rearmed: flags %x size %zu\n", old.ss_flags, old.ss_size);
  return 0;
}
