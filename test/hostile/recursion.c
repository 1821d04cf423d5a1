// Recursion without end, with and without an alternate stack, and deep recursion that is allowed.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int sink;
__attribute__((noinline)) static int endless(int n) { int r = endless(n + 1); sink = n; return r + 1; }
__attribute__((noinline)) static long deep(long n) { if (n == 0) return 0; long r = deep(n - 1); sink = r; return r + 1; }
typedef long (*fn)(void *, long);
__attribute__((noinline)) static long indirect(void *f, long n) {
  if (n == 0) return 0;
  long r = ((fn)f)(f, n - 1);
  sink = r;
  return r + 1;
}
static sigjmp_buf back;
static void onSegv(int s, siginfo_t *i, void *c) { siglongjmp(back, 1); }

static void in(const char *name, int (*f)(void)) {
  fflush(stdout);
  pid_t c = fork();
  if (c == 0) { int r = f(); fflush(stdout); _exit(r); }
  int s;
  waitpid(c, &s, 0);
  printf("%s: %s %d\n", name, WIFSIGNALED(s) ? "signal" : "exit", WIFSIGNALED(s) ? WTERMSIG(s) : WEXITSTATUS(s));
}
static int plain(void) { return endless(0); }
static int noAlternate(void) {
  struct sigaction a = {.sa_sigaction = onSegv, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &a, 0);
  return endless(0);
}
static int alternate(void) {
  static char stack[65536];
  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&ss, 0);
  struct sigaction a = {.sa_sigaction = onSegv, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &a, 0);
  for (volatile int i = 0; i < 2; i++) {
    if (sigsetjmp(back, 1) == 0) endless(0);
    else printf("caught %d\n", i);
  }
  return 0;
}
static int legal(void) { printf("%ld\n", deep(100000)); return 0; }
static int again(void) {
  long t = 0;
  for (int i = 0; i < 20; i++) t += deep(20000 + i);
  printf("%ld\n", t);
  return 0;
}
static int pointers(void) { printf("%ld\n", indirect(indirect, 100000)); return 0; }

int main(int argc, char **argv) {
  in("plain", plain);
  in("no alternate stack", noAlternate);
  in("alternate stack", alternate);
  in("100000 frames", legal);
  in("often", again);
  in("by pointer", pointers);
}
