// What the x87 tells of its last instruction: pointers and opcode in FNSTENV and FXSAVE, flags after exceptions that are
// not masked, what control words can be loaded, and who else raises a pending exception.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static void on(int sig, siginfo_t *si, void *ctx) {
  printf(" sig %d code %d\n", sig, si->si_code);
  siglongjmp(back, 1);
}

static double denormal = 4e-324, three = 3, zero;
static float snan;
static short word = 7;
static uint8_t decimal[10];
static struct { uint32_t w[7]; } env;
static struct { uint8_t b[512]; } fx __attribute__((aligned(16)));
extern char label[];
static void show(const char *what, uintptr_t at, void *operand) {
  uint64_t fip, fdp;
  memcpy(&fip, fx.b + 8, 8);
  memcpy(&fdp, fx.b + 16, 8);
  uint16_t fop;
  memcpy(&fop, fx.b + 6, 2);
  printf("%-34s fip %d %d fop %x %x cs %x ds %x fdp %s %d sw %x cw %x\n", what, env.w[3] == (uint32_t)at, fip == at, env.w[4] >> 16, fop,
         env.w[4] & 0xffff, env.w[6] & 0xffff, env.w[5] == 0 ? "0" : env.w[5] == (uint32_t)(uintptr_t)operand ? "operand" : "other",
         fdp == (uintptr_t)operand, *(uint16_t *)(fx.b + 2), *(uint16_t *)fx.b);
}
#define TRY(bits, what, operand)                                                                           \
  do {                                                                                                     \
    uintptr_t at;                                                                                          \
    uint16_t control = bits;                                                                               \
    if (sigsetjmp(back, 1) == 0) {                                                                         \
      asm volatile("fninit; fldcw %[cw]; fld1; lea 1f(%%rip),%[at]\n1: " what "\nfxsave64 %[fx]; fnstenv %[env]; fninit" \
                   : [at] "=&r"(at), [fx] "=m"(fx), [env] "=m"(env) : [cw] "m"(control), [m] "m"(operand)  \
                   : "memory", "cc", "rax");                                                                      \
      show(#bits " " what, at, &operand);                                                                         \
    }                                                                                                      \
  } while (0)
#define PENDING(what)                                                                                      \
  do {                                                                                                     \
    printf("pending, then %-20s", what);                                                                    \
    uint16_t control = 0x33b;                                                                              \
    if (sigsetjmp(back, 1) == 0) {                                                                         \
      asm volatile("fninit; fldcw %0; fld1; fdivl %1\n" what "\nfninit" ::"m"(control), "m"(zero) : "memory", "rax"); \
      printf(" nothing\n");                                                                                \
    }                                                                                                      \
  } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGFPE, &sa, NULL);
  uint32_t bits = 0x7f800001;
  memcpy(&snan, &bits, 4);
  TRY(0x37f, "fldpi", zero);
  TRY(0x37f, "faddl %[m]", three);
  TRY(0x37f, "fdivl %[m]", zero);
  TRY(0x33b, "fdivl %[m]", zero);
  TRY(0x37d, "fdivl %[m]", denormal);
  TRY(0x37d, "fmull %[m]", denormal);
  TRY(0x37e, "fadds %[m]", snan);
  TRY(0x37e, "flds %[m]", snan);
  TRY(0x37e, "fcoms %[m]", snan);
  TRY(0x35f, "fdivl %[m]", three);
  TRY(0x35f, "fdivs %[m]; nop", snan);
  TRY(0x35f, "fldpi; fdivp", three);
  TRY(0x37e, "fsubr %%st(3),%%st", three);
  TRY(0x37e, "fcomi %%st(3),%%st", three);
  TRY(0x37e, "fucomi %%st(3),%%st", three);
  TRY(0x37f, "fincstp", three);
  TRY(0x37f, "ffree %%st(2)", three);
  TRY(0x37f, "fnop", three);
  TRY(0x37f, ".byte 0xdb,0xe0", three);
  TRY(0x37f, ".byte 0xdb,0xe1", three);
  TRY(0x37f, ".byte 0xdb,0xe4", three);
  TRY(0x37f, ".byte 0xde,0xd2", three);
  TRY(0x37f, ".byte 0xdd,0xc9", three);
  TRY(0x37f, ".byte 0xdf,0xc1", three);
  TRY(0x37d, "fldl %[m]", denormal);
  TRY(0x37d, "fldt %[m]", three);
  TRY(0x37f, "fwait", three);
  TRY(0x37f, "fnstsw %%ax", three);
  TRY(0x37f, "fistps %[m]", word);
  TRY(0x17f, "fdivl %[m]", three);
  TRY(0x07f, "fdivl %[m]", three);
  TRY(0x35f, "fbstp %[m]; nop", decimal);
  TRY(0x37f, "fbld %[m]", decimal);
  TRY(0x33f, "fldpi; fbstp %[m]", decimal);
  TRY(0x31f, "fldpi; fbstp %[m]", decimal);
  // The pointer is an offset in the segment.
  syscall(SYS_arch_prctl, ARCH_SET_GS, (char *)&zero - 16);
  TRY(0x33b, "fdivl %%gs:16", zero);
  TRY(0x33b, "addr32 gs fdivl 16", zero);
  TRY(0xffff, "fxam", three);
  TRY(0x0000, "fxam", three);
  PENDING("nop");
  PENDING("fwait");
  PENDING("fnop");
  PENDING("fninit");
  PENDING("emms");
  PENDING("pxor %%mm0,%%mm0");
  PENDING("movd %%mm0,%%eax");
  PENDING("movd %%eax,%%mm0");
  PENDING("movq %%mm1,(%%rsp)");
  PENDING("maskmovq %%mm0,%%mm0");
  PENDING("pmovmskb %%mm0,%%eax");
  PENDING("movdq2q %%xmm0,%%mm0");
  PENDING("movq2dq %%mm0,%%xmm0");
  PENDING("cvtpi2ps %%mm0,%%xmm0");
  PENDING("cvtpi2pd %%mm0,%%xmm0");
  PENDING("cvtpi2pd (%%rsp),%%xmm0");
  PENDING("cvttpd2pi %%xmm0,%%mm0");
  PENDING("palignr $3,%%mm1,%%mm0");
  PENDING("pinsrw $1,%%eax,%%mm0");
  PENDING("pxor 0,%%mm0");
  PENDING("psllw 0,%%mm0");
  PENDING("movq 0,%%mm0");
  PENDING("pinsrw $1,0,%%mm0");
  PENDING("addps %%xmm0,%%xmm0");

  // Restored words: what cannot be set is not, and the summary follows from the flags and the masks.
  unsigned short words[] = {0, 0xffff, 0x37f, 0x8000};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      memset(&fx, 0, sizeof fx);
      memcpy(fx.b, &words[i], 2);
      memcpy(fx.b + 2, &words[j], 2);
      memset(fx.b + 6, 0xff, 18);
      uint16_t cw, sw;
      asm volatile("fxrstor %0; fxsave64 %0; fnstcw %1; fnstsw %2; fninit" : "+m"(fx), "=m"(cw), "=m"(sw));
      printf("cw %x sw %x fop %x fip %lx fdp %lx\n", cw, sw, *(uint16_t *)(fx.b + 6), *(uint64_t *)(fx.b + 8), *(uint64_t *)(fx.b + 16));
    }
  return 0;
}
