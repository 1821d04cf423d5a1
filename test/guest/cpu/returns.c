// Small functions that hot loops call: those that return elsewhere, through words that change, on other stacks, and
// those that fault.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#define TIMES 300000

// add_one(x); skip(x), which returns behind the instruction that follows its call when x is a multiple of 1000.
__asm__(
    ".text\n"
    "add_one: lea 1(%rdi), %rax\n ret\n"
    "add_two: lea 2(%rdi), %rax\n ret\n"
    "skip: mov %rdi, %rax\n xor %edx, %edx\n mov $1000, %ecx\n div %rcx\n test %edx, %edx\n jne 1f\n"
    "  addq $3, (%rsp)\n 1: ret\n"
    "count_skips: push %rbx\n xor %ebx, %ebx\n mov %rdi, %rsi\n"
    "1: mov %rsi, %rdi\n call skip\n inc %rbx\n dec %rsi\n jne 1b\n mov %rbx, %rax\n pop %rbx\n ret\n"
    // by_word(x): a stub, as in a procedure linkage table.
    "by_word: jmp *word(%rip)\n"
    "sum_by_word: push %rbx\n push %rbp\n mov %rdi, %rbx\n xor %ebp, %ebp\n"
    "1: mov %rbx, %rdi\n call by_word\n add %rax, %rbp\n dec %rbx\n jne 1b\n mov %rbp, %rax\n pop %rbp\n pop %rbx\n ret\n"
    // here(): its own return address, popped; position-independent code of old.
    "here: pop %rax\n push %rax\n ret\n"
    "where: call 1f\n1: pop %rax\n lea 1b(%rip), %rdx\n sub %rdx, %rax\n ret\n"
    "sum_where: push %rbx\n push %rbp\n mov %rdi, %rbx\n xor %ebp, %ebp\n"
    "1: call where\n lea 1(%rbp,%rax), %rbp\n call here\n lea 2f(%rip), %rdx\n2: dec %rbx\n jne 1b\n"
    "  mov %rbp, %rax\n pop %rbp\n pop %rbx\n ret\n"
    // on_other_stack(x): comes back on the stack it was called on, by way of another.
    "on_other_stack: pop %rdx\n mov %rsp, %rcx\n lea other_end(%rip), %rsp\n push %rdx\n push %rcx\n"
    "  lea 5(%rdi), %rax\n pop %rcx\n pop %rdx\n mov %rcx, %rsp\n push %rdx\n ret $0\n"
    "sum_other: push %rbx\n push %rbp\n mov %rdi, %rbx\n xor %ebp, %ebp\n"
    "1: mov %rbx, %rdi\n call on_other_stack\n add %rax, %rbp\n dec %rbx\n jne 1b\n mov %rbp, %rax\n pop %rbp\n pop %rbx\n ret\n"
    // peek(p): a load that may fault.
    "peek: mov %rdi, %rax\n add $1, %rax\n mov (%rdi), %rax\npeek_end: ret\n"
    "sum_peeks: push %rbx\n push %rbp\n mov %rsi, %rbx\n xor %ebp, %ebp\n"
    "1: mov (%rdi,%rbx,8), %r8\n push %rdi\n mov %r8, %rdi\n call peek\n pop %rdi\n add %rax, %rbp\n dec %rbx\n jne 1b\n"
    "  mov %rbp, %rax\n pop %rbp\n pop %rbx\n ret\n"
    // leave_two(x): returns from its caller as well when x is 7.
    "leave_two: cmp $7, %rdi\n jne 1f\n add $8, %rsp\n 1: mov %rdi, %rax\n ret\n"
    "calls_it: call leave_two\n add $100, %rax\n ret\n"
    "sum_left: push %rbx\n push %rbp\n mov %rdi, %rbx\n xor %ebp, %ebp\n"
    "1: mov %rbx, %rdi\n and $15, %edi\n call calls_it\n add %rax, %rbp\n dec %rbx\n jne 1b\n"
    "  mov %rbp, %rax\n pop %rbp\n pop %rbx\n ret\n"
    // Flags that a callee leaves for its caller.
    "carry: cmp $500, %rdi\n ret\n"
    "sum_carries: push %rbx\n push %rbp\n mov %rdi, %rbx\n xor %ebp, %ebp\n"
    "1: mov %rbx, %rdi\n and $1023, %edi\n call carry\n adc $0, %rbp\n dec %rbx\n jne 1b\n mov %rbp, %rax\n pop %rbp\n pop %rbx\n ret\n"
    ".data\n.balign 16\nword: .quad add_one\n.skip 256\nother_end: .quad 0\n.text\n");

long add_one(long), add_two(long), count_skips(long), sum_by_word(long), sum_where(long), sum_other(long);
long sum_peeks(long **, long), sum_left(long), sum_carries(long);
extern char peek[], peek_end[];
extern long (*word)(long);

static long value = 42;
static void on_fault(int sig, siginfo_t *info, void *context) {
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  printf("signal %d at peek+%ld, address %p, rax %lld, left %lld\n", sig, (long)((char *)r[REG_RIP] - peek),
         info->si_addr, r[REG_RAX], r[REG_RBX]);
  r[REG_RAX] = 1000;
  r[REG_RIP] = (greg_t)peek_end;
}

static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static long *places[TIMES + 1];

int main(void) {
  setbuf(stdout, NULL);
  printf("skips: %ld\n", count_skips(TIMES));
  for (int round = 0; round < 4; round++) {
    word = round & 1 ? add_two : add_one;
    printf("by word: %ld\n", sum_by_word(TIMES));
  }
  printf("where: %ld\n", sum_where(TIMES));
  printf("other stack: %ld\n", sum_other(TIMES));
  printf("left: %ld\n", sum_left(TIMES));
  printf("carries: %ld\n", sum_carries(TIMES));
  printf("fib: %d\n", fib(24));
  struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &act, NULL);
  for (int i = 0; i <= TIMES; i++) places[i] = &value;
  places[TIMES / 2] = places[7] = (long *)8;
  printf("peeks: %ld\n", sum_peeks(places, TIMES));
  return 0;
}
