// A call whose callee forgets the flags, but faults before: the frame shows what the caller left.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf out;
static long flags;
static void on(int sig, siginfo_t *si, void *c) {
  flags = ((ucontext_t *)c)->uc_mcontext.gregs[REG_EFL] & 0x8d5;
  siglongjmp(out, 1);
}

// Adds to words of a page, upwards, with flags of each kind before the call; the one behind the page faults.
#define TRY(before, callee)                                                                                  \
  do {                                                                                                       \
    if (!sigsetjmp(out, 1))                                                                                  \
      asm volatile("mov $0x7f,%%ecx\nmov $0x80,%%edx\n1:\n" before "\ncall 2f\nadd $4,%%rax\njmp 1b\n2:\n" callee \
                   "\nfld1\nfstp %%st\ncall 3f\nret\n3: ret"                                                                                 \
                   : : "a"(page) : "rcx", "rdx", "r8", "memory", "cc");                                      \
    printf("%s, %s: %lx\n", before, callee, flags);                                                          \
  } while (0)

int main(void) {
  char *page = mmap(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page, 4096, PROT_READ | PROT_WRITE);
  struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &sa, 0);
  TRY("mov %%ecx,%%r8d; inc %%r8b", "addl %%edx,(%%rax)");
  TRY("mov %%ecx,%%r8d; add $1,%%r8b", "mov (%%rax),%%r8d; test %%edx,%%edx");
  TRY("mov %%edx,%%r8d; add %%r8b,%%r8b", "cmpl $3,(%%rax)");
  TRY("cmp %%edx,%%ecx", "push %%rbx; pop %%rbx; subl $1,(%%rax)");
  TRY("mov %%ecx,%%r8d; xor %%ecx,%%r8d", "addl $1,(%%rax)");
  return 0;
}
