// Code that a program writes, runs until it is hot, and writes anew, over and over.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { FUNCTIONS = 24, BYTES = 4096, ROUNDS = 6, CALLS = 30000 };

/* uint64_t f(uint64_t n): a loop that adds k to 0, n times. */
static void write_function(unsigned char *p, uint32_t k) {
    static const unsigned char code[] = {
        0x31, 0xc0,                   // xor eax, eax
        0x48, 0x85, 0xff,             // test rdi, rdi
        0x74, 0x0b,                   // jz +11
        0x48, 0x05, 0,    0,    0, 0, // add rax, k
        0x48, 0xff, 0xcf,             // dec rdi
        0x75, 0xf5,                   // jnz -11
        0xc3,                         // ret
    };
    memcpy(p, code, sizeof code);
    memcpy(p + 9, &k, 4);
}

int main(void) {
    unsigned char *page = mmap(0, FUNCTIONS * BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return 1;
    uint64_t sum = 0;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned f = 0; f < FUNCTIONS; f++) {
            write_function(page + f * BYTES, round * 100 + f);
            uint64_t (*run)(uint64_t) = (uint64_t(*)(uint64_t))(page + f * BYTES);
            for (unsigned i = 0; i < CALLS / 1000; i++) sum += run(1000) / 1000;
        }
        printf("%u %llu\n", round, (unsigned long long)sum);
    }
    return 0;
}
