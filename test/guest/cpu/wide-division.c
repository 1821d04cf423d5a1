// DIV of 128 bits by 64: quotients and remainders, and #DE where the quotient does not fit.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

static sigjmp_buf out;
static void handler(int signo) { siglongjmp(out, signo); }
static uint64_t state = 88172645463325252u;
static uint64_t next(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
/* Numbers of all lengths, and those next to powers of two. */
static uint64_t edge(void) {
    uint64_t v = next() >> (next() & 63);
    switch (next() & 7) {
    case 0: return v | 1;
    case 1: return ~v;
    case 2: return (1ull << (next() & 63)) - (next() & 1);
    case 3: return v << 32 | (uint32_t)-(next() & 1);
    default: return v;
    }
}

int main(void) {
    signal(SIGFPE, handler);
    volatile uint64_t hash = 0, refused = 0;
    for (volatile int n = 0; n < 200000; n++) {
        uint64_t b = edge(), high = edge(), low = edge(), q, r;
        if (next() & 15 && b != 0) high %= b;
        if (sigsetjmp(out, 1) == 0) {
            __asm__ volatile("divq %4" : "=a"(q), "=d"(r) : "a"(low), "d"(high), "r"(b) : "cc");
            hash = (hash ^ q) * 0x9e3779b97f4a7c15u;
            hash = (hash ^ r ^ hash >> 29) * 0x9e3779b97f4a7c15u;
            unsigned __int128 whole = (unsigned __int128)q * b + r;
            if ((uint64_t)whole != low || (uint64_t)(whole >> 64) != high || r >= b) printf("wrong: %016lx%016lx / %016lx\n", high, low, b);
        } else refused++;
    }
    printf("%016lx, %lu refused\n", hash, refused);
    return 0;
}
