// Executes instructions on the real processor, one case of a batch after the other, and notes what they did.
// Everything happens in one signal handler: sigreturn loads a case's registers and vector state, and the
// signal that ends the case (a breakpoint behind the code, or a fault) brings the state after it.
// Usage: runner INPUT OUTPUT. The record formats and addresses are those of records.ts.
// No libc in the handler: FS and GS belong to the case by then.
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define CODE 0x20000000ul
#define SLOT 1024
#define SLOTS 4096
#define DATA 0x30000000ul
#define DATA_BYTES 0x4000ul
#define WRITABLE 0x3000ul
#define MAX_CODE 512
#define PATCHES 12
#define DIFFS 40

struct patch {
  uint32_t offset, length;
  uint8_t bytes[64];
};

struct test {
  uint64_t gpr[16], rip, rflags, fs, gs;
  uint8_t fx[416];
  uint32_t slot, patches;
  struct patch patch[PATCHES];
  uint8_t code[MAX_CODE];
};

struct result {
  uint64_t gpr[16], rip, rflags;
  uint32_t signal, trap;
  uint64_t error, address, fs, gs;
  uint8_t fx[416];
  uint32_t differences, hash;
  struct {
    uint32_t offset, pad;
    uint64_t value;
  } difference[DIFFS];
};

static struct test *tests;
static struct result *results;
static uint32_t count, at;
static int started;
static uint32_t tick_at, ticks;
static uint64_t baseline[DATA_BYTES / 8];
static uint64_t *const data = (uint64_t *)DATA;

static long sys(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}

static void copy(volatile void *to, const volatile void *from, unsigned long n) {
  volatile uint8_t *t = to;
  const volatile uint8_t *f = from;
  for (unsigned long i = 0; i < n; i++) t[i] = f[i];
}

/** gregs[] indices in the order of register numbers. */
static const int greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void record(int sig, ucontext_t *uc, siginfo_t *info) {
  struct result *r = &results[at];
  for (int i = 0; i < 16; i++) r->gpr[i] = uc->uc_mcontext.gregs[greg[i]];
  r->rip = uc->uc_mcontext.gregs[REG_RIP];
  r->rflags = uc->uc_mcontext.gregs[REG_EFL];
  r->signal = sig;
  r->trap = uc->uc_mcontext.gregs[REG_TRAPNO];
  r->error = uc->uc_mcontext.gregs[REG_ERR];
  r->address = uc->uc_mcontext.gregs[REG_CR2];
  if (sig == SIGSYS) r->address = (uint64_t)info->si_syscall;
  sys(SYS_arch_prctl, ARCH_GET_FS, (long)&r->fs, 0);
  sys(SYS_arch_prctl, ARCH_GET_GS, (long)&r->gs, 0);
  copy(r->fx, uc->uc_mcontext.fpregs, sizeof r->fx);
  // Memory: what differs from the contents that all cases start with, in 8-byte words.
  uint32_t n = 0, hash = 0;
  for (uint32_t i = 0; i < WRITABLE / 8; i++) {
    uint64_t before = baseline[i];
    if (data[i] == before) continue;
    if (n < DIFFS) {
      r->difference[n].offset = i * 8;
      r->difference[n].value = data[i];
    }
    n++;
    hash = (hash ^ i) * 0x01000193u;
    hash = (hash ^ (uint32_t)data[i]) * 0x01000193u;
    hash = (hash ^ (uint32_t)(data[i] >> 32)) * 0x01000193u;
  }
  r->differences = n;
  r->hash = hash;
  for (uint32_t i = 0; i < WRITABLE / 8; i++) data[i] = baseline[i];
}

static void load(ucontext_t *uc) {
  struct test *t = &tests[at];
  for (int i = 0; i < 16; i++) uc->uc_mcontext.gregs[greg[i]] = t->gpr[i];
  uc->uc_mcontext.gregs[REG_RIP] = t->rip;
  uc->uc_mcontext.gregs[REG_EFL] = t->rflags;
  // CS and SS: a case may have left 64-bit mode.
  uc->uc_mcontext.gregs[REG_CSGSFS] = 0x33ull | 0x2bull << 48;
  copy(uc->uc_mcontext.fpregs, t->fx, sizeof t->fx);
  // The XSAVE header behind the legacy region: x87 and SSE state are present.
  *(volatile uint64_t *)((uint8_t *)uc->uc_mcontext.fpregs + 512) |= 3;
  for (uint32_t k = 0; k < t->patches; k++)
    copy((uint8_t *)DATA + t->patch[k].offset, t->patch[k].bytes, t->patch[k].length);
  sys(SYS_arch_prctl, ARCH_SET_FS, (long)t->fs, 0);
  sys(SYS_arch_prctl, ARCH_SET_GS, (long)t->gs, 0);
  __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(0));
  // sigreturn leaves NT and ID as they are: no case starts with them set.
  __asm__ volatile("pushfq; andq $~0x244000, (%%rsp); popfq" ::: "memory", "cc");
}

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  if (sig == SIGVTALRM) {
    // A case that spans two ticks does not end.
    if (!started || tick_at != at || ticks++ < 2) {
      if (tick_at != at) ticks = 0;
      tick_at = at;
      return;
    }
  }
  if (started) {
    record(sig, uc, info);
    at++;
  }
  started = 1;
  ticks = 0;
  if (at == count) sys(SYS_exit_group, 0, 0, 0);
  load(uc);
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  if (sizeof(struct test) != TEST_BYTES || sizeof(struct result) != RESULT_BYTES) {
    fprintf(stderr, "record sizes: %zu %zu\n", sizeof(struct test), sizeof(struct result));
    return 2;
  }
  int in = open(argv[1], O_RDONLY), out = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
  struct stat st;
  if (in < 0 || out < 0 || fstat(in, &st) < 0) die("open");
  // The batch begins with the contents of the data pages.
  count = (st.st_size - DATA_BYTES) / sizeof(struct test);
  uint8_t *input = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, in, 0);
  if (input == MAP_FAILED) die("mmap");
  tests = (struct test *)(input + DATA_BYTES);
  if (ftruncate(out, (off_t)count * sizeof(struct result)) < 0) die("ftruncate");
  results = mmap(NULL, (size_t)count * sizeof(struct result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, out, 0);
  if (results == MAP_FAILED) die("mmap");
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE;
  if (mmap((void *)CODE, SLOT * SLOTS, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == MAP_FAILED) die("code");
  if (mmap((void *)DATA, DATA_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) die("data");
  copy(data, input, DATA_BYTES);
  copy(baseline, input, DATA_BYTES);
  mprotect((void *)(DATA + WRITABLE), DATA_BYTES - WRITABLE, PROT_READ);

  // All cases of a batch have their code in place from the start: what jumps astray finds the same everywhere.
  for (size_t i = 0; i < (size_t)SLOT * SLOTS; i++) ((volatile uint8_t *)CODE)[i] = 0xcc;
  for (uint32_t i = 0; i < count && i < SLOTS; i++)
    copy((uint8_t *)(CODE + (uint64_t)tests[i].slot * SLOT + SLOT / 2 - 128), tests[i].code, MAX_CODE);

  static uint8_t altstack[1 << 18] __attribute__((aligned(64)));
  stack_t ss = {.ss_sp = altstack, .ss_size = sizeof altstack};
  if (sigaltstack(&ss, NULL) < 0) die("sigaltstack");
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&sa.sa_mask);
  int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGSYS, SIGVTALRM};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &sa, NULL);
  struct itimerval tick = {{0, 20000}, {0, 20000}};
  setitimer(ITIMER_VIRTUAL, &tick, NULL);

  // Whatever bytes a case jumps into, nothing but the handler's own calls reaches the kernel.
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) die("seccomp");
  __asm__ volatile("int3");
  return 3;
}
