// The trap flag: after which instructions the processor traps, and what the frame says.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { TF = 0x100, RF = 0x10000 };
static uintptr_t from, to;
static struct { int sig, code, flags; long rip, addr, count; } seen[200];
static int n, most;

static void on(int sig, siginfo_t *si, void *c) {
  greg_t *g = ((ucontext_t *)c)->uc_mcontext.gregs;
  uintptr_t rip = g[REG_RIP];
  if (n < 200) {
    seen[n].sig = sig;
    seen[n].code = si->si_code;
    seen[n].rip = rip - from;
    seen[n].addr = sig == SIGTRAP && si->si_code > 0 && si->si_code != 128 ? (long)si->si_addr - (long)rip : 0;
    seen[n].flags = g[REG_EFL] & (TF | RF);
    seen[n].count = g[REG_RCX];
  }
  if (++n >= most || rip >= to || rip < from) g[REG_EFL] &= ~TF;
  if (sig == SIGILL || sig == SIGSEGV) g[REG_RIP] += 2;
}
static void usr(int sig, siginfo_t *si, void *c) { ((ucontext_t *)c)->uc_mcontext.gregs[REG_EFL] |= TF; }

static uint8_t *page;
#define FRAGMENT(name, body)                                                  \
  extern char name##_from[], name##_to[];                                     \
  void name(void *, void *, long);                                            \
  asm(".globl " #name "\n" #name ": push %rbx\npush %rbp\nmov %rdx,%rcx\nmov %rsp,%rbp\npushfq\norq $0x100,(%rsp)\npopfq\n" #name "_from:\n" body \
      "\n" #name "_to: nop\nnop\npushfq\nandq $~0x100,(%rsp)\npopfq\nmov %rbp,%rsp\npop %rbp\npop %rbx\nret\n")

FRAGMENT(plain, "nop\nmov $1,%eax\njmp 1f\nud2\n1: call 2f\nxor %eax,%eax\njz 3f\nud2\n2: ret\n3: jnz 3b\nlea 4f(%rip),%rax\njmp *%rax\nud2\n4: lea 5f(%rip),%rax\npush %rax\nret $0\nud2\n5: nop");
FRAGMENT(loops, "1: loop 1b\nmov $2,%ecx\n2: dec %ecx\njnz 2b");
FRAGMENT(copies, "rep movsb");
FRAGMENT(fills, "mov %rcx,%rax\nrep stosq");
FRAGMENT(zero, "xor %ecx,%ecx\nrep stosb\nrepe cmpsb");
FRAGMENT(compares, "repe cmpsb");
FRAGMENT(scans, "mov $7,%al\nrepne scasb\nrepe lodsb");
FRAGMENT(shortcount, "addr32 rep movsw\nmov $2,%ecx\naddr32 rep stosb");
FRAGMENT(stacks, "mov %ss,%eax\nmov %eax,%ss\nnop\nnop\nmov %eax,%ss\nmov %eax,%ss\nnop\nnop");
FRAGMENT(calls, "mov $39,%eax\nsyscall\nnop\nnop");
FRAGMENT(traps, "int3\nnop\nnop\n.byte 0xf1\nnop\nnop");
FRAGMENT(faults, "nop\nud2\nnop\nnop");
FRAGMENT(touches, "movb $1,(%rdi)\nmovb $1,4096(%rdi)\nnop");
FRAGMENT(pushes, "pushfq\npop %rax\nand $0x100,%eax\nmov %eax,(%rdi)\nnop");
FRAGMENT(clears, "pushfq\nandq $~0x100,(%rsp)\npopfq\nnop\nnop\npushfq\norw $0x100,(%rsp)\npopfw\npushw %ax\nnop");
FRAGMENT(again, "pushfq\npopfq\nnop");
FRAGMENT(returns, "mov %rsp,%rax\npushq $0x2b\npush %rax\npushfq\npushq $0x33\nlea 1f(%rip),%rax\npush %rax\niretq\nud2\n1: nop\nnop");
FRAGMENT(identifies, "cpuid\nrdtsc\nnop");
FRAGMENT(floats, "fldz\nfld1\nfdivp\nfstp %st(0)\nfwait\nfninit\naddps %xmm0,%xmm0\nldmxcsr (%rsi)\nsqrtpd %xmm0,%xmm0");
FRAGMENT(locked, "lock incl (%rdi)\nlock; incl (%rdi)\nxchg %eax,(%rdi)\ncmpxchg %eax,(%rdi)\nenter $16,$3\nleave\npause\nnop");

static void go(const char *name, void (*f)(void *, void *, long), char *a, char *b, long count) {
  n = 0;
  most = 190;
  from = (uintptr_t)a;
  to = (uintptr_t)b;
  f(page, page + 8192, count);
  printf("%s: %d\n", name, n);
  for (int i = 0; i < n && i < 200; i++)
    printf("  %d.%d +%ld %ld%s%s %ld\n", seen[i].sig, seen[i].code, seen[i].rip, seen[i].addr, seen[i].flags & TF ? " TF" : "",
           seen[i].flags & RF ? " RF" : "", strcmp(name, "copies") && strcmp(name, "scans") ? 0 : seen[i].count);
}
#define GO(name, count) go(#name, name, name##_from, name##_to, count)

int main(void) {
  setvbuf(stdout, 0, _IOFBF, 1 << 16);
  page = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *(unsigned *)(page + 8192) = 0x1f80;
  struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
  int sigs[] = {SIGTRAP, SIGILL, SIGSEGV, SIGFPE};
  for (int i = 0; i < 4; i++) sigaction(sigs[i], &sa, 0);
  GO(plain, 0);
  GO(loops, 3);
  GO(touches, 0);
  GO(copies, 3);
  GO(copies, 70);
  GO(copies, 0);
  GO(fills, 2);
  GO(zero, 0);
  GO(compares, 5);
  GO(scans, 3);
  GO(stacks, 0);
  GO(calls, 0);
  GO(traps, 0);
  GO(faults, 0);
  GO(pushes, 0);
  printf("pushed %x\n", *(int *)page);
  GO(clears, 0);
  GO(again, 0);
  GO(returns, 0);
  GO(identifies, 0);
  *(unsigned *)(page + 8192) = 0x1f80;
  GO(floats, 0);
  GO(locked, 0);
  // sigreturn sets it: four instructions.
  sa.sa_sigaction = usr;
  sigaction(SIGUSR1, &sa, 0);
  n = 0;
  most = 4;
  from = 0;
  to = ~0ul;
  raise(SIGUSR1);
  printf("sigreturn: %d\n", n);
  for (int i = 0; i < n; i++) printf("  %d.%d %ld%s\n", seen[i].sig, seen[i].code, seen[i].addr, seen[i].flags & TF ? " TF" : "");
  fflush(stdout);
  // Without a handler, and blocked.
  for (int blocked = 0; blocked < 2; blocked++) {
    pid_t pid = fork();
    if (pid == 0) {
      signal(SIGTRAP, blocked ? (void (*)(int))on : SIG_DFL);
      sigset_t s;
      sigemptyset(&s);
      sigaddset(&s, SIGTRAP);
      if (blocked) sigprocmask(SIG_BLOCK, &s, 0);
      else signal(SIGTRAP, SIG_IGN);
      asm volatile("pushfq; orq $0x100,(%%rsp); popfq; nop; nop" ::: "memory");
      _exit(0);
    }
    int st;
    waitpid(pid, &st, 0);
    printf("killed by %d\n", WTERMSIG(st));
  }
  return 0;
}
