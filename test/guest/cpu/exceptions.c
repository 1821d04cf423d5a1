// tiers: interpreter mixed
// What floating-point operations leave in the status flags of a program that has never cleared them: a child for each
// operation, so that each starts with clean ones.
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <emmintrin.h>

static unsigned csr(void) {
  unsigned v;
  asm volatile("stmxcsr %0" : "=m"(v));
  return v;
}
static unsigned saved(void) {
  static struct { uint8_t b[512]; } s __attribute__((aligned(16)));
  asm volatile("fxsave %0" : "=m"(s));
  return *(uint32_t *)(s.b + 24);
}
#define TRY(what)                                                            \
  do {                                                                       \
    fflush(stdout);                                                          \
    if (fork() == 0) {                                                       \
      what;                                                                  \
      printf("%-28s %x %x %x\n", #what, fetestexcept(FE_ALL_EXCEPT), csr(), saved()); \
      fflush(stdout);                                                        \
      _exit(0);                                                              \
    }                                                                        \
    wait(NULL);                                                              \
  } while (0)

static volatile double d, one = 1, two = 2, three = 3, zero, inf = INFINITY, big = 1e308, tiny = 1e-308, third = 1 / 3.0, not_a = NAN,
                          denormal = 4e-324, odd = 9007199254740993.0, half = 0.5;
static volatile float f, fone = 1, fthree = 3, fbig = 3e38f, ftiny = 1e-38f, fzero;
static volatile long l, large = 9007199254740993, huge = 0x7fffffffffffffff, round_one = 1l << 60;
static volatile int i, i24 = 16777217;
static volatile __m128 v, v1 = {1, 2, 3, 4}, v3 = {3, 3, 3, 3}, vz = {0, 1, 2, 4};
static volatile __m128d w, w1 = {1, 2}, w3 = {3, 5}, wz = {0, 1};
static volatile __m128i n;

static double hot(int times) {
  double s = 0;
  for (int k = 1; k < times; k++) s += 1.0 / k;
  return s;
}

/** Flags and result of an operation on each pair of values, each begun with clean flags. */
#define PAIRS(type, values, what)                                              \
  do {                                                                         \
    printf("%s, %s:", #type, #what);                                           \
    for (unsigned p = 0; p < sizeof values / sizeof *values; p++)              \
      for (unsigned q = 0; q < sizeof values / sizeof *values; q++) {          \
        volatile type a = values[p], b = values[q], r;                         \
        feclearexcept(FE_ALL_EXCEPT);                                          \
        r = what;                                                              \
        unsigned flags = csr() & 0x3f;                                         \
        printf("%s%x:%.7g", q ? " " : "\n  ", flags, isnan(r) ? NAN : (double)r); \
      }                                                                        \
    puts("");                                                                  \
  } while (0)
static const float floats[] = {0, -0.0f, 1, 3, -1e30f, 1e-30f, 1e-44f, 3e38f, INFINITY, -INFINITY, NAN};
static const double doubles[] = {0, -0.0, 1, 3, -1e300, 1e-300, 4e-324, 1e308, INFINITY, -INFINITY, NAN};

static void pairs(void) {
  PAIRS(float, floats, a + b);
  PAIRS(float, floats, a - b);
  PAIRS(float, floats, a * b);
  PAIRS(float, floats, a / b);
  PAIRS(float, floats, _mm_cvtss_f32(_mm_div_ps(_mm_set1_ps(a), _mm_set1_ps(b))));
  PAIRS(float, floats, _mm_cvtss_f32(_mm_mul_ps(_mm_set1_ps(a), _mm_set1_ps(b))));
  PAIRS(double, doubles, a + b);
  PAIRS(double, doubles, a - b);
  PAIRS(double, doubles, a * b);
  PAIRS(double, doubles, a / b);
  PAIRS(double, doubles, _mm_cvtsd_f64(_mm_div_pd(_mm_set1_pd(a), _mm_set1_pd(b))));
  PAIRS(double, doubles, _mm_cvtsd_f64(_mm_mul_pd(_mm_set1_pd(a), _mm_set1_pd(b))));
}

int main(void) {
  TRY((void)0);
  TRY(d = one + two);
  TRY(d = one + third);
  TRY(d = one - one);
  TRY(d = big + 1.0);
  TRY(d = one / three);
  TRY(d = one / two);
  TRY(d = one / zero);
  TRY(d = zero / zero);
  TRY(d = zero / three);
  TRY(d = zero * three);
  TRY(d = three * three);
  TRY(d = third * third);
  TRY(d = odd * odd);
  TRY(d = big * big);
  TRY(d = big * two);
  TRY(d = tiny * tiny);
  TRY(d = tiny * half);
  TRY(d = denormal + one);
  TRY(d = denormal * two);
  TRY(d = inf - inf);
  TRY(d = inf + one);
  TRY(d = not_a + one);
  TRY(d = sqrt(two));
  TRY(d = sqrt(two + two));
  TRY(d = -sqrt(-one));
  TRY(f = fone / fthree);
  TRY(f = fthree * fthree);
  TRY(f = fbig * fbig);
  TRY(f = ftiny * ftiny);
  TRY(f = fone / fzero);
  TRY(f = fbig + fone);
  TRY(f = third);
  TRY(f = half);
  TRY(f = big);
  TRY(f = tiny);
  TRY(f = zero);
  TRY(d = fthree);
  TRY(d = large);
  TRY(d = huge);
  TRY(d = round_one);
  TRY(f = i24);
  TRY(f = large);
  TRY(d = i24);
  TRY(i = three);
  TRY(i = third);
  TRY(i = big);
  TRY(i = not_a);
  TRY(l = third);
  TRY(l = big);
  TRY(i = lrint(half));
  TRY(i = lrint(three));
  TRY(d = rint(half));
  TRY(d = nearbyint(half));
  TRY(d = floor(half));
  TRY(i = one < not_a);
  TRY(i = one == not_a);
  TRY(i = one < denormal);
  TRY(v = _mm_div_ps(v1, v3));
  TRY(v = _mm_add_ps(v1, v3));
  TRY(v = _mm_mul_ps(v1, vz));
  TRY(v = _mm_div_ps(v1, vz));
  TRY(v = _mm_sqrt_ps(vz));
  TRY(w = _mm_div_pd(w1, w3));
  TRY(w = _mm_sub_pd(w1, w1));
  TRY(w = _mm_div_pd(w1, wz));
  TRY(n = _mm_cvtps_epi32(v1));
  TRY(n = _mm_cvttpd_epi32(_mm_div_pd(w1, w3)));
  TRY(v = _mm_cvtpd_ps(w3));
  TRY(w = _mm_cvtps_pd(v1));
  TRY(d = exp(one));
  TRY(d = exp(1000 * one));
  TRY(d = log(zero));
  TRY(d = sin(one));
  TRY(d = pow(two, three));
  TRY(d = hot(100000));
  TRY(d = hot(100000); feclearexcept(FE_ALL_EXCEPT); d = one + two);
  TRY(feclearexcept(FE_ALL_EXCEPT); d = hot(100000));
  TRY(feraiseexcept(FE_OVERFLOW));
  TRY(feraiseexcept(FE_INVALID); d = one / zero);
  pairs();
  return 0;
}
