// Alignment checks: EFLAGS.AC in a program whose kernel sets CR0.AM.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

enum { AC = 0x40000 };
static sigjmp_buf out;
static int trap, code;
static void *where;

void on_fault(int sig, siginfo_t *si, void *c) {
  greg_t *g = ((ucontext_t *)c)->uc_mcontext.gregs;
  trap = g[REG_TRAPNO];
  code = sig * 100 + si->si_code;
  where = si->si_addr;
  siglongjmp(out, 1);
}
// A handler runs with AC as it was.
void enter(int, siginfo_t *, void *);
asm(".globl enter\nenter: pushfq\nandq $~0x40000,(%rsp)\npopfq\njmp on_fault");

static uint8_t a[2048] __attribute__((aligned(64)));
#define T(name, body)                                                                                     \
  do {                                                                                                    \
    printf("%-10s", name);                                                                                \
    for (int o = 0; o < 20; o++) {                                                                        \
      trap = code = 0;                                                                                    \
      if (!sigsetjmp(out, 1))                                                                             \
        asm volatile("sub $128,%%rsp\npushfq\norq $0x40000,(%%rsp)\npopfq\n" body                        \
                     "\npushfq\nandq $~0x40000,(%%rsp)\npopfq\nadd $128,%%rsp"                           \
                     :                                                                                    \
                     : "r"(a + 512 + o), "a"(3), "d"(0)                                                   \
                     : "memory", "rbx", "rcx", "rsi", "rdi", "r12");                                      \
      printf("%d", trap);                                                                                 \
      if (trap) printf("/%d%s", code, where ? "+" : "");                                                  \
      putchar(' ');                                                                                       \
    }                                                                                                     \
    putchar('\n');                                                                                        \
  } while (0)

int main(void) {
  static char alt[65536];
  sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = sizeof alt}, 0);
  struct sigaction sa = {.sa_sigaction = enter, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &sa, 0);
  sigaction(SIGBUS, &sa, 0);
  setvbuf(stdout, 0, _IOFBF, 1 << 16);
  T("movb", "movb (%0),%%cl");
  T("movw", "movw (%0),%%cx");
  T("movl", "movl (%0),%%ecx");
  T("movq", "movq %%rcx,(%0)");
  T("addl", "addl $0,(%0)");
  T("xchg", "xchg %%rcx,(%0)");
  T("lock", "lock addw $0,(%0)");
  T("cmpxchg", "lock cmpxchg %%ecx,(%0)");
  T("cmpxchg16b", "mov %0,%%rsi\nlock cmpxchg16b (%%rsi)\nmov $3,%%eax\nxor %%edx,%%edx");
  T("bt", "bt %%rax,(%0)");
  T("btl", "btsl $3,(%0)");
  T("push", "mov %%rsp,%%r12\nmov %0,%%rsp\npush %%rax\nmov %%r12,%%rsp");
  T("pop", "mov %%rsp,%%r12\nmov %0,%%rsp\npop %%rcx\nmov %%r12,%%rsp");
  T("call", "mov %%rsp,%%r12\nmov %0,%%rsp\ncall 1f\n1: mov %%r12,%%rsp");
  T("enter", "mov %%rsp,%%r12\nmov %%rbp,%%rbx\nlea 64(%0),%%rsp\nenter $3,$0\nmov %%rbx,%%rbp\nmov %%r12,%%rsp");
  T("lodsq", "mov %0,%%rsi\nlodsq\nmov $3,%%eax");
  T("movsw", "mov %0,%%rsi\nlea 128(%0),%%rdi\nmovsw");
  T("rep movsl", "mov %0,%%rsi\nlea 128(%0),%%rdi\nmov $70,%%ecx\nrep movsl");
  T("rep movsb", "mov %0,%%rsi\nlea 128(%0),%%rdi\nmov $70,%%ecx\nrep movsb");
  T("repe cmpsq", "mov %0,%%rsi\nlea 128(%0),%%rdi\nmov $7,%%ecx\nrepe cmpsq");
  T("rep stosq", "mov %0,%%rdi\nmov $7,%%ecx\nrep stosq");
  T("xlat", "mov %0,%%rbx\nxlat\nmov $3,%%eax");
  T("lgs", "mov %0,%%rsi\nlgs (%%rsi),%%cx");
  T("movss", "movss (%0),%%xmm0");
  T("movsd", "movsd %%xmm0,(%0)");
  T("cvtps2pd", "cvtps2pd (%0),%%xmm0");
  T("movups", "movups (%0),%%xmm0");
  T("movaps", "movaps (%0),%%xmm0");
  T("addps", "addps (%0),%%xmm0");
  T("paddb", "paddb (%0),%%mm0\nemms");
  T("maskmovdqu", "mov %0,%%rdi\nmaskmovdqu %%xmm0,%%xmm0");
  T("stmxcsr", "stmxcsr (%0)");
  T("fxsave", "fxsave (%0)");
  T("fnsave", "fnsave (%0)\nfninit");
  T("fnsavew", ".byte 0x66\nfnsave (%0)\nfninit");
  T("fldt", "fldt (%0)\nfninit");
  T("fstpl", "fldz\nfstpl (%0)");
  T("fildll", "fildll (%0)\nfninit");
  T("fbstp", "fldz\nfbstp (%0)");
  T("fldcw", "fnstcw 64(%0)\nfldcw (%0)\nfninit");
  T("prefetch", "prefetcht0 (%0)\nnopl (%0)\nlea (%0),%%rcx");
  T("syscall", "lea 1(%0),%%rbx\npushfq\nmov $39,%%eax\nsyscall\nmov $3,%%eax\nmovl (%%rbx),%%ecx\npop %%rcx");
  return 0;
}
