// Faults as signals: code, address, trap number, error code and registers in the frame, and going on after it.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>
#include <ucontext.h>
#include <fenv.h>

static sigjmp_buf back;
static volatile uintptr_t base;
static volatile int skip;
static void on(int sig, siginfo_t *si, void *ctx) {
  ucontext_t *uc = ctx;
  greg_t *g = uc->uc_mcontext.gregs;
  printf("sig %d code %d", sig, si->si_code);
  if (sig == SIGSEGV || sig == SIGBUS) printf(" addr %lx", (long)((uintptr_t)si->si_addr - base));
  if (sig == SIGFPE || sig == SIGILL) printf(" addr is rip %d", (uintptr_t)si->si_addr == (uintptr_t)g[REG_RIP]);
  printf(" trap %lld err %lld", (long long)g[REG_TRAPNO], (long long)g[REG_ERR]);
  if (g[REG_TRAPNO] == 14) printf(" cr2 %d", (uintptr_t)g[REG_CR2] == (uintptr_t)si->si_addr);
  printf(" cs %llx rf %d\n", (long long)g[REG_CSGSFS] & 0xffff, (int)(g[REG_EFL] >> 16 & 1));
  if (skip) {
    g[REG_RIP] += skip;
    g[REG_RAX] = 0x1234;
    return;
  }
  siglongjmp(back, 1);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO;
  int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++) sigaction(all[i], &sa, NULL);
  char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(p + 4096, 4096, PROT_READ);
  p[0] = 1;

#define TRY(name, what) do { printf("%s: ", name); if (sigsetjmp(back, 1) == 0) { what; printf("no fault\n"); } } while (0)
  base = 0;
  TRY("read null", *(volatile char *)8);
  TRY("write null", *(volatile char *)16 = 1);
  base = (uintptr_t)p;
  TRY("write read-only", *(volatile char *)(p + 4096 + 5) = 1);
  TRY("exec no-exec", ((void (*)(void))p)());
  munmap(p + 8192, 4096);
  TRY("unmapped", *(volatile char *)(p + 8192 + 77));
  TRY("crossing", *(volatile long *)(p + 8192 - 3));
  base = 0;
  TRY("non-canonical", *(volatile char *)0x8000000000001000ul);
  TRY("top of memory", *(volatile long *)0xfffffffffffffffdul);
  TRY("kernel's half", *(volatile int *)0xffff8123456789abul);
  TRY("write to it", *(volatile int *)0xffffffffdeadbee5ul = 1);
  TRY("string there", asm volatile("movsb" ::"S"(0xffffffffffff1235ul), "D"(&all) : "memory"));
  TRY("strings there", asm volatile("rep movsb" ::"S"(0xffffffffffff1235ul), "D"(&all), "c"(3) : "memory"));
  TRY("guard page", *(volatile char *)0x7ffffffff123ul);
  TRY("out of the half", *(volatile long *)0x7ffffffffffdul);
  TRY("out of the half by x87", asm volatile("fldt (%0)" ::"r"(0x7ffffffffffdul)));
  mprotect(p, 4096, PROT_NONE);
  base = (uintptr_t)p;
  TRY("no access", *(volatile char *)p);
  mprotect(p, 4096, PROT_READ | PROT_WRITE);
  base = 0;
  TRY("jump to kernel", ((void (*)(void))0xffffffff81000123ul)());
  TRY("load selector", asm volatile("mov %0,%%ds" ::"r"(0x1237)));
  TRY("pop selector", asm volatile("push %0; lea 8(%%rsp),%%rsp; sub $8,%%rsp; pop %%fs" ::"r"(0x4321ul)));
  TRY("jump null", ((void (*)(void))0)());
  TRY("hlt", asm volatile("hlt"));
  TRY("in", asm volatile("inb $0x60, %%al" ::: "rax"));
  TRY("ud2", asm volatile("ud2"));
  TRY("int3", asm volatile("int3"));
  TRY("div0", asm volatile("xor %%edx,%%edx; mov $1,%%eax; xor %%ecx,%%ecx; div %%ecx" ::: "rax", "rcx", "rdx"));
  TRY("div overflow", asm volatile("mov $0x80000000,%%eax; cdq; mov $-1,%%ecx; idiv %%ecx" ::: "rax", "rcx", "rdx"));
  TRY("int 0x20", asm volatile("int $0x20"));

  char name[] = "/tmp/faultXXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  (void)!ftruncate(fd, 4096);
  char *f = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  base = (uintptr_t)f;
  TRY("beyond file", *(volatile char *)(f + 4096 + 9));
  TRY("in file", f[9] = 1);

  base = 0;
  // Go on after the instruction, with a register changed.
  skip = 2;
  long rax = 0;
  asm volatile("mov $7,%%eax; ud2" : "=a"(rax));
  printf("resumed rax %lx\n", rax);
  skip = 1;
  asm volatile("mov $7,%%eax; hlt" : "=a"(rax));
  printf("resumed rax %lx\n", rax);
  skip = 0;

  feenableexcept(FE_DIVBYZERO);
  volatile double one = 1, zero = 0, r;
  TRY("sse divide", r = one / zero; (void)r);
  feclearexcept(FE_ALL_EXCEPT);
  feenableexcept(FE_DIVBYZERO);
  volatile long double lone = 1, lzero = 0, lr;
  TRY("x87 divide", lr = lone / lzero; asm volatile("fwait"); (void)lr);
  return 0;
}
