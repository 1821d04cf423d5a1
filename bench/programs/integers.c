/* Integer loops: integers sieve|fnv|shellsort|chase|fib. Each prints a figure that depends on all of its work. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 12345;
static uint32_t random_number(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

static uint64_t sieve(void) {
    enum { LIMIT = 4000000 };
    static uint8_t composite[LIMIT];
    uint64_t sum = 0;
    for (int round = 0; round < 48; round++) {
        memset(composite, 0, LIMIT);
        for (long i = 2; i * i < LIMIT; i++)
            if (!composite[i])
                for (long j = i * i; j < LIMIT; j += i) composite[j] = 1;
        for (long i = 2; i < LIMIT; i++) sum += !composite[i];
    }
    return sum;
}

static uint64_t fnv(void) {
    static uint8_t bytes[1 << 20];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = random_number();
    uint64_t hash = 0xcbf29ce484222325;
    for (int round = 0; round < 400; round++)
        for (size_t i = 0; i < sizeof bytes; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static uint64_t shellsort(void) {
    enum { COUNT = 2000000 };
    static int32_t numbers[COUNT];
    uint64_t sum = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) numbers[i] = (int32_t)random_number();
        for (int gap = COUNT / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
            for (int i = gap; i < COUNT; i++) {
                int32_t x = numbers[i];
                int j = i;
                for (; j >= gap && numbers[j - gap] > x; j -= gap) numbers[j] = numbers[j - gap];
                numbers[j] = x;
            }
        for (int i = 0; i < COUNT; i++) sum = sum * 31 + (uint32_t)numbers[i];
    }
    return sum;
}

struct node {
    struct node *next;
    uint64_t value;
};
static uint64_t chase(void) {
    enum { NODES = 1 << 17 };
    struct node *nodes = malloc(NODES * sizeof *nodes);
    uint32_t *order = malloc(NODES * sizeof *order);
    for (uint32_t i = 0; i < NODES; i++) order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t j = random_number() % (i + 1), t = order[i];
        order[i] = order[j], order[j] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value = order[i];
    }
    uint64_t sum = 0;
    struct node *at = nodes;
    for (long i = 0; i < 40000000; i++) sum += at->value, at = at->next;
    return sum;
}

static __attribute__((noinline, optimize("O1"))) uint64_t fib(unsigned n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv) {
    const char *what = argc == 2 ? argv[1] : "";
    uint64_t r = strcmp(what, "sieve") == 0       ? sieve()
                 : strcmp(what, "fnv") == 0       ? fnv()
                 : strcmp(what, "shellsort") == 0 ? shellsort()
                 : strcmp(what, "chase") == 0     ? chase()
                                                  : fib(41);
    printf("%llu\n", (unsigned long long)r);
    return 0;
}
