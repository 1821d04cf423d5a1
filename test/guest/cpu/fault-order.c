// Which of several faults an instruction takes: what is none at the end of a page, branches to where no address is, and
// images that reach into the next page.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf out;
static uint8_t *page;
static long trap, error, addr, rip, rsp;

static void on(int sig, siginfo_t *si, void *c) {
  greg_t *g = ((ucontext_t *)c)->uc_mcontext.gregs;
  trap = g[REG_TRAPNO];
  error = g[REG_ERR];
  addr = (long)si->si_addr;
  rip = g[REG_RIP];
  rsp = g[REG_RSP];
  siglongjmp(out, 1);
}

// The bytes at the end of a page with nothing behind it.
static void fetch(const char *hex) {
  uint8_t b[32];
  int n = 0;
  for (const char *p = hex; *p; p++)
    if (*p != ' ') {
      unsigned v;
      sscanf(p++, "%2x", &v);
      b[n++] = v;
    }
  uint8_t *at = page + 4096 - n;
  memcpy(at, b, n);
  trap = 0;
  if (!sigsetjmp(out, 1)) {
    register uint8_t *r11 asm("r11") = at, *r10 asm("r10") = page + 1024;
    asm volatile("mov %%r10,%%rsi\nmov %%r10,%%rdi\nmov %%r10,%%rax\nmov %%r10,%%rbx\nmov %%r10,%%rcx\nmov %%r10,%%rdx\njmp *%%r11" : : "r"(r11), "r"(r10));
  }
  printf("%s: %ld %ld at %ld\n", hex, trap, error, (trap == 14 ? addr : rip) - (long)at - n);
}

#define BRANCH(name, body, target)                                                                        \
  do {                                                                                                    \
    trap = 0;                                                                                             \
    extern char name##_at[];                                                                              \
    memset(page, 0x11, 512);                                                                              \
    *(uint64_t *)(page + 256) = target;                                                                   \
    if (!sigsetjmp(out, 1))                                                                               \
      asm volatile("lea 256(%1),%%rsp\n" #name "_at: " body : : "a"(target), "b"(page) : "memory");       \
    printf(#name " %lx: %ld %ld %lx, rip %s rsp %+ld, pushed %d\n", (long)(target), trap, error, addr,     \
           rip == (long)name##_at ? "here" : rip == (long)(target) ? "there" : "elsewhere", rsp - (long)page - 256, \
           page[248] != 0x11);                                                                            \
  } while (0)
#define BRANCHES(n, target)                      \
  BRANCH(jump##n, "jmp *%%rax", target);         \
  BRANCH(through##n, "jmp *256(%%rbx)", target); \
  BRANCH(call##n, "call *%%rax", target);        \
  BRANCH(indirect##n, "call *256(%%rbx)", target); \
  BRANCH(ret##n, "ret", target);                 \
  BRANCH(release##n, "ret $16", target)

// Where an access begins decides whether its address is canonical, however it rounds.
#define ACCESS(body, target)                                                                              \
  do {                                                                                                    \
    trap = 0;                                                                                             \
    if (!sigsetjmp(out, 1)) asm volatile(body : : "a"(target), "S"(target) : "rcx", "xmm0", "memory");     \
    printf(body " %lx: %ld %lx %lx\n", (long)(target), trap, trap == 14 ? error & 6 : error, addr);        \
  } while (0)

#define IMAGE(body, bytes, off)                                                                           \
  do {                                                                                                    \
    trap = 0;                                                                                             \
    memset(page, 0x11, 4096);                                                                             \
    asm volatile("fninit\nfld1");                                                                         \
    if (!sigsetjmp(out, 1)) asm volatile(body : : "r"(page + off), "a"(3), "d"(0) : "memory");             \
    int k = 4095;                                                                                         \
    while (k >= 0 && page[k] == 0x11) k--;                                                                \
    printf(body " %d: %ld %ld %ld, stored up to %d\n", off, trap, error, addr - (long)page, k);           \
  } while (0)
// Where a page begins, and where the first, the second, and both pages are missing.
#define IMAGES(body, bytes, unit)        \
  IMAGE(body, bytes, 4096 - unit);       \
  IMAGE(body, bytes, 4096 - bytes + unit); \
  IMAGE(body, bytes, -unit);             \
  IMAGE(body, bytes, -4096)

int main(void) {
  static char alt[65536];
  sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = sizeof alt}, 0);
  struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  int sigs[] = {SIGSEGV, SIGBUS, SIGILL};
  for (int i = 0; i < 3; i++) sigaction(sigs[i], &sa, 0);
  uint8_t *all = mmap(0, 8 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page = all + 3 * 4096;
  mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);

  // No instruction, or not one with LOCK, but one whose length is known.
  const char *codes[] = {"f2 0f 15", "f2 0f 15 c0", "f3 0f 13 80", "f3 0f 13 80 00 00 00 00", "0f 0b", "0f b9", "0f b9 c0", "0f ff", "0f ff 05",
                         "06", "82", "82 c0", "82 c0 00", "d4", "d4 00", "0f 04", "0f 0a", "0f 36", "0f 7a", "0f 7a c0", "0f a6", "0f a6 c0",
                         "0f 38 50", "0f 38 50 c0", "0f 3a 50", "0f 3a 50 c0", "0f 3a 50 c0 00", "f3 0f 38 00 c0", "0f 71 c0", "0f 71 c0 00",
                         "0f ba c0", "0f ba c0 00", "c6 f0", "c6 f0 00", "c7 c8 00 00 00", "c7 c8 00 00 00 00", "fe d0", "ff f8", "8f c8", "8d c0",
                         "f0 89", "f0 89 c0", "f0 89 80", "f0 05 00 00", "f0 b8 00 00 00 00", "f0 a8", "f0 0f a2", "f0 0f af", "f0 0f af 05", "f0 81 c0",
                         "f0 81 c0 00 00 00 00", "f0 90", "d9 ca", "d9 d1", "d9 88", "db e5",
                         "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90",
                         "66 66 66 66 66 66 66 66 66 66 66 66 0f 0b", "66 66 66 66 66 66 66 66 66 66 66 66 66 66 0f 0b", "66 66 66 66 66 66 66 66 66 d9 8c 24 00 00 00 00",
                         "66 66 66 66 66 66 66 66 f0 66 0f 3a 63 80 00 00 00 00 00", "66 66 66 66 66 66 66 66 66 66 66 66 81 84", "66 66 66 66 66 66 66 66 66 66 66 66 66",
                         "ea 00 00 00 00 00", "ea 00 00 00 00 00 00", "66 9a 00 00 00", "66 9a 00 00 00 00", "d5", "d5 00", "0f 39 c0", "0f 39 c0 c0",
                         "0f 3c 05 05", "0f 3d c0 c0", "0f 3b c0 c0", "0f 3e c0 c0 00", "0f 3f c0 80", "66 66 66 66 66 66 0f 3a 46 ac 73 cf 5a db",
                         "66 66 66 66 66 66 0f 3a 46 ac 73 cf 5a db 00"};
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) fetch(codes[i]);

  BRANCHES(1, 0x800000000000);
  BRANCHES(2, 0x1234567890abcdef);
  BRANCHES(3, 0xffff7fffffffffff);
  BRANCHES(4, 0xffff800000000000);
  BRANCHES(5, 0x7ffffffff000);
  ACCESS("mov (%%rax),%%cl", 0xffff7fffffffff87);
  ACCESS("mov (%%rax),%%ecx", 0xffff7ffffffffffe);
  ACCESS("mov %%rcx,(%%rax)", 0xffff7fffffffffff);
  ACCESS("mov (%%rax),%%cl", 0xffff800000000000);
  ACCESS("mov -2(%%rax),%%rcx", 0xffff800000000000);
  ACCESS("movups (%%rax),%%xmm0", 0xffff7ffffffffff8);
  ACCESS("mov (%%rax),%%cl", 0x7ffffffff800);
  ACCESS("mov (%%rax),%%cl", 0x800000000000);
  ACCESS("mov (%%rax),%%cl", 0xffffffffffffffff);
  ACCESS("fldl (%%rax)", 0xffff7ffffffffffc);
  ACCESS("fxsave (%%rax)", 0xffff7ffffffffff0);
  ACCESS("lodsl", 0xffff7ffffffffffd);
  ACCESS("mov %%rax,%%rsp; pop %%rcx", 0xffff7ffffffffff9);
  // The stack's page is looked at before where a call goes.
  mprotect(page, 4096, PROT_READ);
  trap = 0;
  if (!sigsetjmp(out, 1)) asm volatile("lea 256(%1),%%rsp\ncall *%%rax" : : "a"(0x800000000000), "b"(page) : "memory");
  printf("call from a stack that is read-only: %ld %ld\n", trap, error);
  mprotect(page, 4096, PROT_READ | PROT_WRITE);

  IMAGES("fnstenv (%0)", 28, 4);
  IMAGES("fldenv (%0)", 28, 4);
  IMAGES(".byte 0x66; fnstenv (%0)", 14, 2);
  IMAGES("fnsave (%0)", 108, 4);
  IMAGES("frstor (%0)", 108, 4);
  IMAGES("fxsave (%0)", 512, 16);
  IMAGES("fxrstor (%0)", 512, 16);
  IMAGES("xrstor (%0)", 576, 64);
  IMAGES("fstpt (%0)", 10, 1);
  IMAGES("fldt (%0)", 10, 1);
  IMAGES("fbstp (%0)", 10, 1);
  IMAGE("fnstenv (%0)", 28, 4093);
  IMAGE("frstor (%0)", 108, 4095);
  IMAGE(".byte 0x66; fnsave (%0)", 94, 4094);
  IMAGE(".byte 0x66; fnsave (%0)", 94, 4095);
  return 0;
}
