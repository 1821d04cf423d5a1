// PCMPISTRI and PCMPISTRM in every mode that differs, on bytes of a small alphabet with zeros among them.
#include <nmmintrin.h>
#include <stdio.h>

static unsigned state = 1, hash;
static unsigned next(unsigned n) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state % n;
}
static void mix(unsigned v) {
    hash = (hash ^ v) * 2654435761u;
    hash ^= hash >> 15;
}
static void fill(unsigned char *to, unsigned letters, unsigned zeros) {
    for (int i = 0; i < 16; i++) to[i] = next(zeros) == 0 ? 0 : (next(9) == 0 ? 250 : 96) + next(letters);
}

#define MODE(imm)                                                                                             \
    for (int n = 0; n < 1000; n++) {                                                                          \
        unsigned char x[16], y[16], out[16];                                                                  \
        unsigned letters = 1 + next(6);                                                                       \
        fill(x, letters, 2 + next(20));                                                                       \
        fill(y, letters, 8 + next(40));                                                                       \
        __m128i a = _mm_loadu_si128((void *)x), b = _mm_loadu_si128((void *)y);                               \
        mix(_mm_cmpistri(a, b, imm));                                                                         \
        mix(_mm_cmpistra(a, b, imm) | _mm_cmpistrc(a, b, imm) << 1 | _mm_cmpistro(a, b, imm) << 2 |           \
            _mm_cmpistrs(a, b, imm) << 3 | _mm_cmpistrz(a, b, imm) << 4);                                     \
        _mm_storeu_si128((void *)out, _mm_cmpistrm(a, b, imm));                                               \
        for (int i = 0; i < 16; i++) mix(out[i]);                                                             \
    }                                                                                                         \
    printf("%02x %08x\n", imm, hash);
#define MODES(imm) MODE(imm) MODE(imm + 4) MODE(imm + 8) MODE(imm + 12)

__attribute__((target("sse4.2"))) int main(void) {
    MODES(0x00) MODES(0x02) MODES(0x10) MODES(0x12) MODES(0x20) MODES(0x30) MODES(0x32) MODES(0x40) MODES(0x52)
    MODES(0x70) MODES(0x72) MODES(0x01) MODES(0x53) MODES(0x71)
    return 0;
}
