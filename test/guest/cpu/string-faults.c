// Repeated string instructions that meet a page that is not there: where they stand then. Each is the first instruction
// of its function, so that it is where a region begins.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf back;
static uint8_t *page;
static void on(int sig, siginfo_t *si, void *ctx) {
  greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
  printf("addr %ld rcx %lld rsi %lld rdi %lld\n", (long)((uint8_t *)si->si_addr - page), g[REG_RCX],
         g[REG_RSI] - (greg_t)page, g[REG_RDI] - (greg_t)page);
  siglongjmp(back, 1);
}
typedef void (*fn)(void *to, const void *from, long, long n);
#define FRAGMENT(name, text) \
  void name(void *, const void *, long, long); \
  asm(".p2align 4\n.globl " #name "\n" #name ": " text "\ncld\nret")
FRAGMENT(stosb, "rep stosb");
FRAGMENT(stosw, "rep stosw");
FRAGMENT(stosq, "rep stosq");
FRAGMENT(movsb, "rep movsb");
FRAGMENT(movsl, "rep movsl");
FRAGMENT(movsq, "rep movsq");
FRAGMENT(lodsl, "rep lodsl");
FRAGMENT(scasb, "repne scasb");
FRAGMENT(cmpsw, "repe cmpsw");

static void try(const char *name, fn f, int to, int from, long n) {
  printf("%s %d %d %ld: ", name, to, from, n);
  if (sigsetjmp(back, 1) == 0) {
    f(page + to, page + from, 0, n);
    puts("no fault");
  }
}
#define TRY(name, to, from, n) try(#name, name, to, from, n)

int main(void) {
  static char alt[65536];
  sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = sizeof alt}, 0);
  struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &sa, 0);
  page = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(page, 7, 4096);
  munmap(page + 4096, 4096);
  for (int round = 0; round < 3; round++) {
    for (long n = 8; n < 300; n += 137) {
      TRY(stosb, 4096 - 5, 0, n);
      TRY(stosw, 4096 - 7, 0, n);
      TRY(stosq, 4096 - 24, 0, n);
      TRY(movsb, 4096 - 7, 100, n);
      TRY(movsb, 0, 4096 - 6, n);
      TRY(movsl, 4096 - 13, 100, n);
      TRY(movsq, 0, 4096 - 16, n);
      TRY(lodsl, 0, 4096 - 8, n);
      TRY(scasb, 4096 - 3, 0, n);
      TRY(cmpsw, 4096 - 8, 96, n);
    }
  }
  return 0;
}
