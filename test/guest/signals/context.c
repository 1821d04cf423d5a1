// The machine context survives handlers that run at any instruction: registers, flags, x87 and SSE state.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static volatile int hits;
static void clobber(int sig) {
  hits++;
  asm volatile("pxor %%xmm0,%%xmm0; pxor %%xmm7,%%xmm7; pxor %%xmm15,%%xmm15; fninit; fldz; fldz; stc; std; cld" ::
                   : "xmm0", "xmm7", "xmm15", "cc");
}

static uint64_t mix(uint64_t x) {
  for (int i = 0; i < 1000; i++) x = x * 6364136223846793005u + 1442695040888963407u + (x >> 33);
  return x;
}
static double series(int n) {
  double s = 0;
  for (int i = 1; i < n; i++) s += 1.0 / i / i;
  return s;
}
static long double product(int n) {
  long double p = 1;
  for (int i = 1; i < n; i++) p = p * (1 + 1.0L / ((long double)i * i)) ;
  return p;
}

int main(void) {
  uint64_t m = mix(1);
  double s = series(2000);
  long double p = product(2000);
  struct sigaction sa = {0};
  sa.sa_handler = clobber;
  sigaction(SIGALRM, &sa, NULL);
  sigaction(SIGUSR1, &sa, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 2000}, {0, 2000}}, NULL);
  int bad = 0;
  for (long i = 0; hits < 50; i++) bad += mix(1) != m || series(2000) != s || product(2000) != p;
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  printf("bad %d, interrupted %d\n", bad, hits >= 50);

  // A signal at the end of a call: the registers that the call preserves are those from before.
  uint64_t rax = 62, rdi = getpid(), rsi = SIGUSR1, rdx = 0xdddd, flags;
  double pi = 3.141592653589793, x0;
  hits = 0;
  register uint64_t r8 asm("r8") = 0x8888, r9 asm("r9") = 0x9999, r10 asm("r10") = 0xaaaa, r12 asm("r12") = 0xcccc,
      r15 asm("r15") = 0xffff;
  asm volatile("movq %[pi],%%xmm7; fldpi; stc; syscall; pushfq; pop %[fl]; movq %%xmm7,%[x]; fstp %%st(0)"
               : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r15),
                 [fl] "=&b"(flags), [x] "=m"(x0)
               : [pi] "m"(pi)
               : "rcx", "r11", "memory", "cc", "xmm7");
  printf("rax %ld sig %ld rdx %lx r8 %lx r9 %lx r10 %lx r12 %lx r15 %lx cf %d xmm %d hits %d\n", (long)rax, (long)rsi, rdx, r8,
         r9, r10, r12, r15, (int)(flags & 1), x0 == pi, hits);
  return 0;
}
