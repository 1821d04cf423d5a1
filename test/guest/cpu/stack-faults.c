// Addresses that are not canonical: by way of the stack registers they are a fault of the stack segment, SIGBUS,
// otherwise a general protection fault, SIGSEGV.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

static sigjmp_buf back;
static char stack[65536] __attribute__((aligned(16)));
static uintptr_t here;
static void on(int sig, siginfo_t *si, void *ctx) {
  greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
  printf("sig %d code %d addr %lx trap %lld err %lld rf %d moved %d rsp %llx\n", sig, si->si_code, sig == SIGILL ? 0 : (long)si->si_addr, g[REG_TRAPNO],
         g[REG_ERR], (int)(g[REG_EFL] >> 16 & 1), (uintptr_t)g[REG_RIP] - here > 200, g[REG_RSP] >> 63 ? g[REG_RSP] : 0);
  siglongjmp(back, 1);
}

// With rax and, as named, rsp or rbp outside of the address space; rbx is good.
#define BAD 0x8000000000001000ul
#define TRY(setup, what)                                                                                     \
  do {                                                                                                       \
    printf("%-36s", what);                                                                                   \
    if (sigsetjmp(back, 1) == 0) {                                                                           \
      asm volatile("lea 0f(%%rip),%%rcx; mov %%rcx,%[here]; mov %[bad],%%rax; mov %%rsp,%%rbx; " setup "\n0: " what "\nud2" \
                   : [here] "=m"(here) : [bad] "r"(BAD) : "rax", "rbx", "rcx", "rdx", "memory");                      \
    }                                                                                                        \
  } while (0)
#define SP(what) TRY("mov %%rax,%%rsp", what)
#define BP(what) TRY("mov %%rax,%%rbp", what)
#define AX(what) TRY("", what)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  int all[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 4; i++) sigaction(all[i], &sa, NULL);
  AX("mov (%%rax),%%rdx");
  AX("mov %%rdx,(%%rax)");
  AX("push (%%rax)");
  AX("pop (%%rax)");
  AX("call *(%%rax)");
  AX("movaps %%xmm0,(%%rax)");
  AX("fldt (%%rax)");
  AX("lock incl (%%rax)");
  AX("mov -8(%%rsp,%%rax),%%rdx");
  AX("mov -8(%%rax,%%rbp),%%rdx");
  AX(".byte 0x36; mov (%%rax),%%rdx");
  AX("fxsave (%%rax)");
  AX("cmpxchg16b (%%rax)");
  AX("clflush (%%rax)");
  AX("prefetcht0 (%%rax); ud2");
  SP("push %%rdx");
  SP("pop %%rdx");
  SP("pushfq");
  SP("popfq");
  SP("call 0b");
  SP("ret");
  SP("push (%%rbx)");
  SP("pop (%%rbx)");
  SP("push (%%rax)");
  SP("pop (%%rax)");
  SP("call *(%%rax)");
  SP("enter $16,$0");
  SP("mov (%%rsp),%%rdx");
  SP(".byte 0x3e; mov (%%rsp),%%rdx");
  SP("fs mov (%%rsp),%%rdx");
  SP("movups 3(%%rsp),%%xmm1");
  SP("fstpt (%%rsp)");
  SP("lea 0x100(%%rsp),%%rdx; hlt");
  SP("mov (%%rsp,%%rbx),%%rdx");
  BP("leave");
  BP("mov 8(%%rbp),%%rdx");
  BP("mov %%rdx,8(%%rbp)");
  BP(".byte 0x26; mov 8(%%rbp),%%rdx");
  BP("gs mov 8(%%rbp),%%rdx");
  BP("mov (%%rbx,%%rbp),%%rdx");
  BP("divl 8(%%rbp)");
  BP("xchg %%rdx,8(%%rbp)");
  BP("fxsave 8(%%rbp)");
  BP("fxsave (%%rbp)");
  BP("movaps 8(%%rbp),%%xmm0");
  BP("cmpxchg16b (%%rbp)");
  BP("ldmxcsr (%%rbp)");
  BP("mov %%rsp,%%rdi; mov %%rbp,%%rsi; movsb");
  // A frame pointer that is none is copied as it is.
  uint64_t pushed[2];
  asm volatile("mov %%rbp,%%rbx; mov %%rsp,%%rcx; mov $0x7fffffffffffffff,%%rbp; enter $8,$1; mov 16(%%rsp),%%rax; mov 8(%%rsp),%%rdx; "
               "sub %%rbp,%%rdx; mov %%rbx,%%rbp; mov %%rcx,%%rsp"
               : "=a"(pushed[0]), "=d"(pushed[1])
               :
               : "rbx", "rcx", "memory");
  printf("enter: %lx %lx\n", pushed[0], pushed[1]);
  return 0;
}
