// The floating-point state in a signal frame: where it lies, what says how long it is, and which of it sigreturn
// takes back, also from a frame that the handler has changed.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u
struct sw {
  uint32_t magic1, extended_size;
  uint64_t xfeatures;
  uint32_t xstate_size, padding[7];
};
struct kuc {
  unsigned long flags;
  void *link;
  stack_t stack;
  mcontext_t m;
};

enum {
  LOOK, XMM, MXCSR, NO_MAGIC1, NO_MAGIC2, BIG_SIZE, NO_SSE, NO_X87, HEADER, BAD_BV, COMPACT, BAD_MXCSR, MOVED, MISALIGNED,
  NULL_STATE, UNMAPPED, FX_MISALIGNED, RESERVED_BV, FEWER, FLAGS, TAGS, STATUS, ALTSTACK, BAD_RIP, BAD_CS, MODES
};
static const char *names[] = {
  "look", "xmm", "mxcsr", "no magic1", "no magic2", "big size", "no sse", "no x87", "header", "bad bv", "compact",
  "bad mxcsr", "moved", "misaligned", "null", "unmapped", "fx misaligned", "reserved bv", "fewer", "flags", "tags", "status",
  "altstack", "bad rip", "bad cs"};
static volatile int mode;
static sigjmp_buf back;
static char copy[16384] __attribute__((aligned(64)));
static void *volatile there;

static void on(int sig, siginfo_t *si, void *ctx) {
  ucontext_t *uc = ctx;
  struct kuc *k = ctx;
  uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
  struct sw *sw = (struct sw *)(fp + 464);
  uint64_t *header = (uint64_t *)(fp + 512);
  uint32_t size = sw->xstate_size;
  uint32_t *magic2 = (uint32_t *)(fp + size);
  switch (mode) {
    case LOOK: {
      unsigned a = 0xd, b, c = 0, d;
      asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
      printf("flags %lx link %p aligned %d above %d\n", k->flags, k->link, (int)((uintptr_t)fp % 64), (char *)fp > (char *)si);
      printf("magic %x %x extended %d size %d features %d\n", sw->magic1, *magic2, sw->extended_size - size,
             size >= 576 && size <= b, (int)(sw->xfeatures & 3));
      printf("bv %d comp %d\n", (int)(header[0] & 3), (int)header[1]);
      int zero = 1;
      for (int i = 2; i < 8; i++) zero &= header[i] == 0;
      for (int i = 0; i < 7; i++) zero &= sw->padding[i] == 0;
      printf("zero %d restorer %d\n", zero, *(uintptr_t *)((char *)ctx - 8) != 0);
      uint32_t mxcsr, now;
      memcpy(&mxcsr, fp + 24, 4);
      asm volatile("stmxcsr %0" : "=m"(now));
      uint16_t cw, here;
      memcpy(&cw, fp, 2);
      asm volatile("fnstcw %0" : "=m"(here));
      printf("mxcsr %x now %x cw %x now %x\n", mxcsr, now & ~0x3f, cw, here);
      printf("xmm6 %lx\n", *(uint64_t *)(fp + 160 + 96));
      break;
    }
    case XMM: *(uint64_t *)(fp + 160 + 96) = 0x1234; break;
    case MXCSR: *(uint32_t *)(fp + 24) = 0x5f80; break;
    case NO_MAGIC1: sw->magic1 = 0; *(uint64_t *)(fp + 160 + 96) = 0x1234; break;
    case NO_MAGIC2: *magic2 = 0; header[0] = 0; break;
    case BIG_SIZE: sw->xstate_size += 64; header[0] = 0; break;
    case NO_SSE: header[0] &= ~2ul; *(uint32_t *)(fp + 24) = 0x3f80; break;
    case NO_X87: header[0] &= ~1ul; break;
    case HEADER: sw->xfeatures &= ~2ul; break;
    case BAD_BV: header[0] |= 1ul << 62; break;
    case COMPACT: header[1] = 1ul << 40; break;
    case BAD_MXCSR: *(uint32_t *)(fp + 24) |= 0x10000; break;
    case MOVED: memcpy(copy, fp, size + 4); *(uint64_t *)(copy + 160 + 96) = 0x77; uc->uc_mcontext.fpregs = (void *)copy; break;
    case MISALIGNED: memcpy(copy + 16, fp, size + 4); uc->uc_mcontext.fpregs = (void *)(copy + 16); break;
    case FX_MISALIGNED:
      sw->magic1 = 0;
      memcpy(copy + 16, fp, size + 4);
      *(uint64_t *)(copy + 16 + 160 + 96) = 0x78;
      uc->uc_mcontext.fpregs = (void *)(copy + 16);
      break;
    case NULL_STATE: uc->uc_mcontext.fpregs = NULL; break;
    case UNMAPPED: uc->uc_mcontext.fpregs = there; break;
    case RESERVED_BV: header[3] = 1; break;
    case FEWER: sw->extended_size = 500; header[0] = 0; break;
    case FLAGS: uc->uc_mcontext.gregs[REG_EFL] = 0xffffffffu & ~0x100u & ~0x40000u; break;
    case TAGS: fp[4] = 0; break;
    case STATUS: fp[2] |= 0x3f; break;
    case ALTSTACK: uc->uc_stack.ss_sp = copy; uc->uc_stack.ss_size = 8192; uc->uc_stack.ss_flags = 0; break;
    case BAD_RIP: uc->uc_mcontext.gregs[REG_RIP] = 0x800000000000; break;
    case BAD_CS: ((uint16_t *)&uc->uc_mcontext.gregs[REG_CSGSFS])[0] = 0x100; break;
  }
}
static void bad(int sig, siginfo_t *si, void *ctx) {
  ucontext_t *uc = ctx;
  greg_t *g = uc->uc_mcontext.gregs;
  printf(" sig %d code %d addr %lx rax %lld trap %lld err %lld", sig, si->si_code, (long)si->si_addr, g[REG_RAX],
         g[REG_TRAPNO], g[REG_ERR]);
  struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
  printf(" cw %x mxcsr %x xmm6 %x", fp->cwd, fp->mxcsr & ~0x3f, fp->_xmm[6].element[0]);
  siglongjmp(back, 1);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  there = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &sa, NULL);
  sa.sa_sigaction = bad;
  sa.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &sa, NULL);
  sigaction(SIGBUS, &sa, NULL);
  int pid = getpid(), tid = syscall(SYS_gettid);
  for (int m = LOOK; m < MODES; m++) {
    mode = m;
    printf("%s:", names[m]);
    if (sigsetjmp(back, 1) == 0) {
      long rax = SYS_tgkill;
      uint64_t x[2] = {0xabcdef, 0x55}, y[2];
      uint32_t in = 0x7fa0, mxcsr, plain = 0x1f80;
      uint16_t cw = 0x27f, now, sw;
      unsigned long flags;
      char image[512] __attribute__((aligned(16)));
      asm volatile(
          "fninit; fldcw %[cw]; fld1; fldpi; ldmxcsr %[in]; movups %[x],%%xmm6; cld; syscall; pushfq; pop %[flags]; cld\n"
          "movups %%xmm6,%[y]; stmxcsr %[mxcsr]; fnstcw %[now]; fnstsw %[sw]; fxsave %[image]; fninit; ldmxcsr %[plain]"
          : "+a"(rax), [y] "=m"(y), [mxcsr] "=m"(mxcsr), [now] "=m"(now), [sw] "=m"(sw), [flags] "=&r"(flags),
            [image] "=m"(image)
          : "D"(pid), "S"(tid), "d"(SIGUSR1), [x] "m"(x), [in] "m"(in), [cw] "m"(cw), [plain] "m"(plain)
          : "rcx", "r11", "memory", "cc", "xmm6");
      printf(" rax %ld xmm6 %lx %lx mxcsr %x cw %x sw %x tags %x st %lx %lx flags %lx", rax, y[0], y[1], mxcsr, now, sw,
             image[4] & 255, *(long *)(image + 32), *(long *)(image + 48), flags & 0xffffff & ~0x200);
    }
    stack_t ss;
    sigaltstack(NULL, &ss);
    printf(" alt %d %zu\n", ss.ss_flags, ss.ss_size);
  }

  // The frame on an alternate stack: a handler that moves the stack in its frame.
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGUSR1, &sa, NULL);
  static char area[65536];
  stack_t ss = {.ss_sp = area, .ss_size = sizeof area}, now;
  for (int i = 0; i < 2; i++) {
    if (i) ss.ss_flags = 1u << 31;
    printf("set %d", sigaltstack(&ss, NULL));
    mode = ALTSTACK;
    raise(SIGUSR1);
    sigaltstack(NULL, &now);
    printf(" moved %d size %zu flags %x\n", now.ss_sp != area, now.ss_size, now.ss_flags);
  }

  // What the kernel does not write stays as it was.
  memset(area, 0x5a, sizeof area);
  ss.ss_sp = area;
  ss.ss_size = sizeof area;
  ss.ss_flags = 0;
  sigaltstack(&ss, NULL);
  struct sigaction one = {0};
  one.sa_handler = SIG_DFL;
  sa.sa_flags = SA_ONSTACK;
  mode = MODES;
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);
  uint8_t *a = (uint8_t *)area;
  uintptr_t fp = 0;
  for (uintptr_t p = (uintptr_t)area + sizeof area - 512; p > (uintptr_t)area && !fp; p -= 64 - p % 64 ? p % 64 ? p % 64 : 64 : 64)
    if (*(uint32_t *)(p + 464) == MAGIC1) fp = p;
  uintptr_t frame = (fp - 440) / 16 * 16 - 8;
  int kept = 0;
  for (int i = 0; i < 128; i++) kept += ((uint8_t *)frame)[312 + i] == 0x5a;
  printf("siginfo kept %d", kept);
  kept = 0;
  for (int i = 0; i < 64; i++) kept += ((uint8_t *)frame)[8 + 40 + 192 + i] == 0x5a;
  printf(" reserved kept %d", kept);
  kept = 0;
  for (int i = 416; i < 464; i++) kept += ((uint8_t *)fp)[i] == 0x5a;
  printf(" fxsave kept %d\n", kept);
  return 0;
}
