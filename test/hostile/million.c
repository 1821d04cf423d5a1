// A million frames, with a stack that allows them (ulimit -s unlimited).
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
static volatile int sink;
__attribute__((noinline)) static long deep(long n) { if (n == 0) return 0; long r = deep(n - 1); sink = r; return r + 1; }
int main(int argc, char **argv) {
  if (argc == 1) {
    struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_STACK, &l);
    execl(argv[0], argv[0], "x", (char *)0);
  }
  printf("%ld\n", deep(1000000));
}
