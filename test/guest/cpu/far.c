// Far transfers within the program's own code segment, and the faults of those that would leave it; INT1.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

static sigjmp_buf back;
static char stack[65536] __attribute__((aligned(16)));
static void on(int sig, siginfo_t *si, void *ctx) {
  greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
  printf("sig %d code %d addr %lx trap %lld err %llx rf %d\n", sig, si->si_code, sig == SIGTRAP ? 0 : (long)si->si_addr, g[REG_TRAPNO],
         g[REG_ERR], (int)(g[REG_EFL] >> 16 & 1));
  siglongjmp(back, 1);
}
#define TRY(what)                                                                                                            \
  do {                                                                                                                       \
    long a = 0, f = 0;                                                                                                       \
    printf("%-72s ", what);                                                                                                  \
    if (sigsetjmp(back, 1) == 0) {                                                                                           \
      asm volatile("mov %%rsp,%%rbx; " what "; nop; ud2; 1: pushfq; pop %1; sub %%rsp,%%rbx; mov %%rbx,%0; add %%rbx,%%rsp; cld" \
                   : "=r"(a), "=r"(f)::"rax", "rbx", "rcx", "rdx", "memory", "cc");                                          \
      printf("went, stack %ld flags %lx\n", a, f & 0x6cc1);                                                                         \
    }                                                                                                                        \
  } while (0)
#define IRET(cs, ss) "sub $128,%%rsp; mov %%ss,%%eax; push $" ss "; push %%rbx; push $0xcd5; push $" cs "; lea 1f(%%rip),%%rax; push %%rax; iretq"

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  int all[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 4; i++) sigaction(all[i], &sa, NULL);
  TRY(IRET("0x33", "0x2b"));
  TRY(IRET("0x1233", "0x2b"));
  TRY(IRET("0", "0x2b"));
  TRY(IRET("0x33", "0x1233"));
  TRY(IRET("0x33", "3"));
  TRY("sub $128,%%rsp; push $0x33; lea 1f(%%rip),%%rax; push %%rax; lretq");
  TRY("sub $128,%%rsp; push $0x33; lea 1f(%%rip),%%rax; push %%rax; lretq $24");
  TRY("sub $128,%%rsp; push $0x55; lea 1f(%%rip),%%rax; push %%rax; lretq");
  TRY("sub $128,%%rsp; push $0; lea 1f(%%rip),%%rax; push %%rax; lretq");
  TRY("sub $128,%%rsp; push $0x33; mov $1,%%rax; shl $63,%%rax; push %%rax; lretq");
  TRY("mov $16,%%rsp; lretq");
  TRY("mov $16,%%rsp; iretq");
  TRY("mov $1,%%rsp; shl $63,%%rsp; iretq");
  TRY("sub $128,%%rsp; push $0x33; lea 1f(%%rip),%%rax; push %%rax; rex.W ljmp *(%%rsp)");
  TRY("sub $128,%%rsp; push $0x33; lea 1f(%%rip),%%rax; push %%rax; rex.W lcall *(%%rsp)");
  TRY("sub $128,%%rsp; push $0x66; lea 1f(%%rip),%%rax; push %%rax; rex.W lcall *(%%rsp)");
  TRY("xor %%eax,%%eax; ljmp *(%%rax)");
  TRY("sub $128,%%rsp; pushfq; orl $0x4000,(%%rsp); popfq; push $1; push $2; push $3; iretq");
  TRY("sub $128,%%rsp; pushfq; orl $0x4000,(%%rsp); popfq; mov $16,%%rsp; iretq");
  asm volatile("sub $128,%%rsp; pushfq; andl $~0x4000,(%%rsp); popfq; add $128,%%rsp" ::: "memory", "cc");
  TRY(".byte 0xf1");
  return 0;
}
