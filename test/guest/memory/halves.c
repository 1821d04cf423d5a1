// A function across two pages, hot: two processes share its first half and have second halves of their own, and one
// process changes its second half over and over.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
enum { ROUNDS = 40, CALLS = 4000 };

typedef uint32_t function(void);

/** `mov eax, k; ret` with its opcode at the end of one page and the rest, by k, in the next. */
static void write_halves(unsigned char *first, unsigned char *second, uint32_t k) {
    first[PAGE - 3] = 0x31, first[PAGE - 2] = 0xc0; // xor eax, eax
    first[PAGE - 1] = 0xb8;
    memcpy(second, &k, 4);
    second[4] = 0xc3;
}

static uint64_t hot(function *f) {
    uint64_t sum = 0;
    for (int n = 0; n < CALLS; n++) sum += f();
    return sum;
}

int main(void) {
    int fd = memfd_create("code", 0);
    (void)!ftruncate(fd, 3 * PAGE);
    unsigned char *file = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    write_halves(file, file + PAGE, 3);
    write_halves(file, file + 2 * PAGE, 1000);
    unsigned char *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    function *f = (function *)(code + PAGE - 3);
    printf("alone %llu\n", (unsigned long long)hot(f));

    int ping[2], pong[2];
    (void)!pipe(ping);
    (void)!pipe(pong);
    fflush(stdout);
    pid_t child = fork();
    int in = child ? pong[0] : ping[0], out = child ? ping[1] : pong[1];
    uint64_t sum = 0;
    char c = 0;
    if (child == 0) {
        mprotect(code + PAGE, PAGE, PROT_READ | PROT_WRITE);
        code[PAGE] = 5;
        mprotect(code + PAGE, PAGE, PROT_READ | PROT_EXEC);
    }
    for (int n = 0; n < ROUNDS; n++) {
        if (child && write(out, &c, 1) != 1) return 1;
        if (read(in, &c, 1) != 1) return 1;
        sum += hot(f);
        if (!child && write(out, &c, 1) != 1) return 1;
    }
    if (child) waitpid(child, NULL, 0);
    printf("%s %llu\n", child ? "parent" : "child", (unsigned long long)sum);
    if (!child) return 0;

    sum = 0;
    for (int n = 0; n < ROUNDS; n++) {
        mmap(code + PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (1 + n % 2) * PAGE);
        sum += hot(f);
    }
    printf("changing %llu\n", (unsigned long long)sum);
    return 0;
}
