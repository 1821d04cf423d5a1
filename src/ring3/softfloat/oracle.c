// Runs floating-point operations on the real processor: records of struct in from standard input, records of struct
// out to standard output. softfloat.test.ts compiles it and compares.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct in { uint32_t op, control; uint8_t a[16], b[16]; };
struct out { uint8_t r[16]; uint32_t flags, extra; };

#define SSE2OP(name) asm volatile("movups %1,%%xmm0\n movups %2,%%xmm1\n ldmxcsr %3\n " name " %%xmm1,%%xmm0\n stmxcsr %4\n ldmxcsr %5\n movups %%xmm0,%0" \
    : "=m"(o.r) : "m"(i.a), "m"(i.b), "m"(control), "m"(after), "m"(normal) : "xmm0", "xmm1", "memory")
#define SSEINT(name, mov) asm volatile("movups %1,%%xmm0\n ldmxcsr %2\n " name " %%xmm0,%%" mov "\n stmxcsr %3\n ldmxcsr %4\n mov %%rax,%0" \
    : "=m"(o.r) : "m"(i.a), "m"(control), "m"(after), "m"(normal) : "xmm0", "rax", "memory")
#define SSEFROM(name) asm volatile("mov %1,%%rax\n pxor %%xmm0,%%xmm0\n ldmxcsr %2\n " name " %%rax,%%xmm0\n stmxcsr %3\n ldmxcsr %4\n movups %%xmm0,%0" \
    : "=m"(o.r) : "m"(i.a), "m"(control), "m"(after), "m"(normal) : "xmm0", "rax", "memory")
#define SSECMP(name) asm volatile("movups %2,%%xmm0\n movups %3,%%xmm1\n ldmxcsr %4\n " name " %%xmm1,%%xmm0\n pushfq\n pop %%rax\n mov %%eax,%1\n stmxcsr %5\n ldmxcsr %6\n" \
    : "=m"(o.r), "=m"(o.extra) : "m"(i.a), "m"(i.b), "m"(control), "m"(after), "m"(normal) : "xmm0", "xmm1", "rax", "memory", "cc")
// ST0 = a, ST1 = b
#define X87(code) asm volatile("fninit\n fldt %3\n fldt %2\n fldcw %4\n fnclex\n " code "\n fnstsw %1\n fstpt %0\n fninit" \
    : "=m"(o.r), "=m"(o.flags) : "m"(i.a), "m"(i.b), "m"(i.control) : "memory")
#define X87OUT(code) asm volatile("fninit\n fldt %2\n fldcw %3\n fnclex\n " code " %0\n fnstsw %1\n fninit" \
    : "=m"(o.r), "=m"(o.flags) : "m"(i.a), "m"(i.control) : "memory")
#define X87IN(code) asm volatile("fninit\n fldcw %3\n fnclex\n " code " %2\n fnstsw %1\n fldcw %4\n fstpt %0\n fninit" \
    : "=m"(o.r), "=m"(o.flags) : "m"(i.a), "m"(i.control), "m"(plain) : "memory")

int main(void) {
  struct in i;
  while (fread(&i, sizeof i, 1, stdin) == 1) {
    struct out o;
    memset(&o, 0, sizeof o);
    uint32_t control = i.control, after = 0, normal = 0x1f80;
    uint16_t plain = 0x37f;
    switch (i.op) {
      case 0: SSE2OP("addss"); break;
      case 1: SSE2OP("addsd"); break;
      case 2: SSE2OP("subss"); break;
      case 3: SSE2OP("subsd"); break;
      case 4: SSE2OP("mulss"); break;
      case 5: SSE2OP("mulsd"); break;
      case 6: SSE2OP("divss"); break;
      case 7: SSE2OP("divsd"); break;
      case 8: SSE2OP("sqrtss"); break;
      case 9: SSE2OP("sqrtsd"); break;
      case 10: SSE2OP("cvtss2sd"); break;
      case 11: SSE2OP("cvtsd2ss"); break;
      case 12: SSEINT("cvtss2si", "eax"); break;
      case 13: SSEINT("cvtsd2si", "eax"); break;
      case 14: SSEINT("cvtss2si", "rax"); break;
      case 15: SSEINT("cvtsd2si", "rax"); break;
      case 16: SSEINT("cvttss2si", "eax"); break;
      case 17: SSEINT("cvttsd2si", "rax"); break;
      case 18: SSEFROM("cvtsi2ssq"); break;
      case 19: SSEFROM("cvtsi2sdq"); break;
      case 20: SSE2OP("roundss $4,"); break;
      case 21: SSE2OP("roundsd $4,"); break;
      case 22: SSECMP("ucomiss"); break;
      case 23: SSECMP("ucomisd"); break;
      case 24: SSECMP("comisd"); break;
      case 40: X87("fadd %%st(1),%%st"); break;
      case 41: X87("fsub %%st(1),%%st"); break;
      case 42: X87("fmul %%st(1),%%st"); break;
      case 43: X87("fdiv %%st(1),%%st"); break;
      case 44: X87("fsqrt"); break;
      case 45: X87("fprem"); break;
      case 46: X87("fprem1"); break;
      case 47: X87("frndint"); break;
      case 48: X87("fcom %%st(1)"); break;
      case 49: X87("fucom %%st(1)"); break;
      case 50: X87OUT("fsts"); break;
      case 51: X87OUT("fstl"); break;
      case 52: X87OUT("fistps"); break;
      case 53: X87OUT("fistpl"); break;
      case 54: X87OUT("fistpll"); break;
      case 55: X87IN("flds"); break;
      case 56: X87IN("fldl"); break;
      case 57: X87IN("fildll"); break;
      case 58: X87OUT("fisttpl"); break;
    }
    if (i.op < 40) o.flags = after;
    fwrite(&o, sizeof o, 1, stdout);
  }
  return 0;
}
