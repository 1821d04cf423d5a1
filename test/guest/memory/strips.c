/*
 * Loops whose addresses advance by fixed steps, over pages that are not all alike: missing, read only, shared after fork, code.
 * What they leave in memory, where they fault, and what the registers are then.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGES 8
#define SIZE (PAGES * 4096L)
static uint8_t *area;
static sigjmp_buf back;
static long fault_at, fault_regs[4], fault_flags;

static void on_fault(int sig, siginfo_t *info, void *ctx) {
    greg_t *r = ((ucontext_t *)ctx)->uc_mcontext.gregs;
    /* Not every signal has an address of memory. */
    fault_at = sig == SIGFPE || info->si_code == SI_KERNEL ? -1 : (uint8_t *)info->si_addr - area;
    fault_regs[0] = r[REG_RCX];
    fault_regs[1] = r[REG_RDX];
    fault_regs[2] = (uint8_t *)r[REG_RSI] - area;
    fault_regs[3] = (uint8_t *)r[REG_RDI] - area;
    fault_flags = r[REG_EFL] & 0x8d5;
    siglongjmp(back, sig);
}
static uint64_t sum(void) {
    uint64_t h = 1469598103934665603u;
    for (long i = 0; i < SIZE; i++) h = (h ^ area[i]) * 1099511628211u;
    return h;
}
static void fill(void) {
    for (long i = 0; i < SIZE; i++) area[i] = (uint8_t)(i * 31 + (i >> 7));
}
static void report(const char *what, long a, long b, uint64_t result) {
    printf("%s %ld %ld: %016llx", what, a, b, (unsigned long long)result);
    if (fault_flags >= 0)
        printf(" fault at %ld, rcx %ld rdx %lx rsi %ld rdi %ld flags %lx", fault_at, fault_regs[0], fault_regs[1], fault_regs[2], fault_regs[3], fault_flags);
    puts("");
}

/* A loop of `body`, with rsi and rdi in `area`, rdx an accumulator, rcx rounds. */
#define LOOP(name, body)                                                                               \
    static __attribute__((noinline)) uint64_t name(long from, long to, long rounds) {                  \
        uint64_t d = 0x0123456789abcdef;                                                               \
        uint8_t *s = area + from, *t = area + to;                                                      \
        __asm__ volatile("pxor %%xmm1, %%xmm1; cmp %%rax, %%rax\n1:\n" body "\n"                                                             \
                         : "+c"(rounds), "+d"(d), "+S"(s), "+D"(t)                                     \
                         :                                                                             \
                         : "rax", "r8", "r9", "r10", "xmm0", "xmm1", "xmm2", "memory", "cc");          \
        return d ^ (uint64_t)(s - area) * 0x9e3779b97f4a7c15u ^ (uint64_t)(t - area) << 32 ^ rounds;   \
    }
LOOP(bytes, "movzbl (%%rsi), %%eax; add %%rax, %%rdx; lea 7(%%rdx,%%rdx,4), %%rdx; movb %%dl, (%%rdi); add $1, %%rsi; inc %%rdi; dec %%rcx; jnz 1b")
LOOP(quads, "mov 8(%%rsi), %%rax; xor %%rax, %%rdx; add %%rdx, (%%rdi); add $8, %%rsi; add $8, %%rdi; sub $1, %%rcx; jnz 1b")
LOOP(down, "mov (%%rsi), %%rax; xor -16(%%rsi), %%rax; ror $3, %%rdx; add %%rax, %%rdx; mov %%rdx, (%%rdi); sub $8, %%rsi; lea -24(%%rdi), %%rdi; dec %%rcx; jnz 1b")
LOOP(odd, "mov (%%rsi), %%rax; add %%rax, %%rdx; mov %%edx, 3(%%rdi); add $56, %%rsi; add $7, %%rdi; dec %%rcx; jnz 1b")
LOOP(still, "mov (%%rsi), %%rax; add (%%rdi), %%rax; add %%rax, %%rdx; mov %%rdx, (%%rdi); add $4, %%rsi; dec %%rcx; jnz 1b")
LOOP(vectors, "movdqa (%%rsi), %%xmm0; paddd (%%rdi), %%xmm0; movaps %%xmm0, (%%rdi); add $16, %%rsi; add $16, %%rdi; dec %%rcx; jnz 1b")
LOOP(index_scaled, "mov (%%rsi,%%rcx,8), %%rax; add %%rax, %%rdx; mov %%edx, (%%rdi,%%rcx,4); dec %%rcx; jns 1b")
LOOP(conditional, "movzbl (%%rsi), %%eax; test $1, %%al; jz 2f; addb $3, 64(%%rdi); add %%rax, %%rdx; 2: add $1, %%rsi; add $1, %%rdi; dec %%rcx; jnz 1b")
LOOP(two_ends, "movzbl (%%rsi), %%eax; cmp $0x5a, %%al; je 2f; mov %%al, (%%rdi); add %%rax, %%rdx; inc %%rsi; inc %%rdi; dec %%rcx; jnz 1b; 2:")
LOOP(skipping, "3: mov (%%rsi), %%eax; add $4, %%rsi; dec %%rcx; jz 2f; test $2, %%al; jz 1b; add %%rax, %%rdx; add %%edx, (%%rdi); add $4, %%rdi; jmp 3b; 2:")
LOOP(overlap, "mov (%%rsi), %%rax; lea 1(%%rax,%%rdx), %%rdx; mov %%rdx, 5(%%rsi); add $3, %%rsi; add $3, %%rdi; dec %%rcx; jnz 1b")
LOOP(carries, "mov (%%rsi), %%rax; adc (%%rdi), %%rax; mov %%rax, (%%rdi); lea 8(%%rsi), %%rsi; lea 8(%%rdi), %%rdi; lea -1(%%rcx), %%rcx; jrcxz 2f; jmp 1b; 2: adc $0, %%rdx")
LOOP(narrow_index, "movslq %%ecx, %%rax; movzbl (%%rsi,%%rax), %%eax; add %%rax, %%rdx; mov %%dl, (%%rdi); add $2, %%rdi; dec %%ecx; jnz 1b")
LOOP(table, "movzbl (%%rsi), %%eax; movzbl (%%rdi,%%rax), %%eax; add %%rax, %%rdx; rol $7, %%rdx; inc %%rsi; dec %%rcx; jnz 1b")
LOOP(doubles, "cvtsi2sdl (%%rsi), %%xmm0; addsd %%xmm0, %%xmm1; divsd %%xmm0, %%xmm1; movsd %%xmm1, (%%rdi); add $4, %%rsi; add $8, %%rdi; dec %%rcx; jnz 1b")
LOOP(divides, "mov (%%rsi), %%eax; mov %%rdx, %%r8; xor %%edx, %%edx; divl (%%rdi); lea (%%r8,%%rax), %%rdx; add $4, %%rsi; add $4, %%rdi; dec %%rcx; jnz 1b")
LOOP(stride, "mov %%rcx, %%r8; and $0, %%r9; lea 24(%%r9), %%r9; 2: mov (%%rsi), %%rax; xor %%rax, %%rdx; movb $7, (%%rdi); add %%r9, %%rsi; add %%r9, %%rdi; dec %%rcx; jnz 2b; mov %%rcx, %%rax")
LOOP(strides, "mov $-3, %%r9; mov $4, %%r10; 2: movzbl (%%rsi), %%eax; add %%rax, %%rdx; mov %%dl, 1(%%rdi); add %%r10, %%rsi; add %%r9, %%rdi; dec %%rcx; jnz 2b")
LOOP(no_stride, "xor %%r9d, %%r9d; mov $5000, %%r10d; 2: movzwl 2(%%rsi), %%eax; add %%rax, (%%rdi); add %%r9, %%rsi; dec %%rcx; jnz 2b; mov $10, %%ecx; 3: mov (%%rsi), %%eax; sub %%eax, %%edx; add %%r10, %%rsi; dec %%rcx; jnz 3b")

static const struct {
    const char *name;
    uint64_t (*run)(long, long, long);
    long from, to, rounds;
} loops[] = {
    {"bytes", bytes, 5, 9000, 20000},         {"bytes", bytes, 100, 110, 8000},       {"quads", quads, 1, 12000, 2000},
    {"quads", quads, 8, 8, 4000},             {"down", down, 20000, 30000, 1100},     {"odd", odd, 3, 20001, 500},
    {"still", still, 0, 4094, 5000},          {"still", still, 4000, 8188, 200},      {"vectors", vectors, 16, 8192, 900},
    {"vectors", vectors, 4096, 4080, 600},    {"index", index_scaled, 8, 17000, 1500}, {"if", conditional, 0, 4000, 20000},
    {"ends", two_ends, 1000, 9000, 20000},    {"skipping", skipping, 2, 9000, 3000},  {"overlap", overlap, 1, 0, 9000},
    {"carries", carries, 7, 15000, 1500},     {"narrow", narrow_index, 99, 3, 9000},  {"table", table, 0, 12345, 20000},
    {"doubles", doubles, 4, 9000, 2000},      {"divides", divides, 4, 3000, 3000},
    {"stride", stride, 3, 4000, 1100},        {"strides", strides, 1, 30000, 8100},
    {"no stride", no_stride, 4, 64, 900},
};
#define COUNT (int)(sizeof loops / sizeof *loops)

static void each(const char *how) {
    for (int k = 0; k < COUNT; k++)
        for (int again = 0; again < 3; again++) {
            fault_at = -2000000;
            fault_flags = -1;
            uint64_t r = 0;
            if (sigsetjmp(back, 1) == 0) r = loops[k].run(loops[k].from, loops[k].to, loops[k].rounds);
            printf("%s ", how);
            report(loops[k].name, k, again, r);
        }
    printf("%s %016llx\n", how, (unsigned long long)sum());
}

int main(void) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGFPE, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    area = mmap(NULL, SIZE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(area + SIZE, 4096, PROT_NONE);
    fill();
    each("plain");
    /* Misaligned vectors fault; vectors that begin so many bytes before a page. */
    for (long off = 0; off < 20; off += 5) {
        fault_flags = -1;
        fault_at = -2000000;
        uint64_t r = 0;
        if (sigsetjmp(back, 1) == 0) r = vectors(4096 + off, 64, 50);
        report("vectors from", off, 0, r);
    }
    /* A page that is missing, and one that is read only. */
    for (int p = 0; p < PAGES; p++) {
        fill();
        mprotect(area + p * 4096L, 4096, p % 2 ? PROT_READ : PROT_NONE);
        char how[20];
        sprintf(how, "page %d", p);
        for (int k = 0; k < COUNT; k++) {
            fault_flags = -1;
            fault_at = -2000000;
            uint64_t r = 0;
            if (sigsetjmp(back, 1) == 0) r = loops[k].run(loops[k].from, loops[k].to, loops[k].rounds);
            printf("%s ", how);
            report(loops[k].name, k, 0, r);
        }
        mprotect(area + p * 4096L, 4096, PROT_READ | PROT_WRITE);
        printf("%s %016llx\n", how, (unsigned long long)sum());
    }
    /* Copy on write: parent and child see their own. */
    fill();
    for (int round = 0; round < 3; round++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            each("child");
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        each("parent");
    }
    /* Shared by two places, and a loop that changes what another place shows. */
    int fd = memfd_create("shared", 0);
    ftruncate(fd, SIZE);
    for (int p = 0; p < PAGES; p++)
        mmap(area + p * 4096L, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (p % 3) * 4096L);
    fill();
    each("shared");
    /* Beyond the end of a file. */
    ftruncate(fd, 2 * 4096);
    for (int k = 0; k < COUNT; k++) {
        fault_flags = -1;
        fault_at = -2000000;
        uint64_t r = 0;
        if (sigsetjmp(back, 1) == 0) r = loops[k].run(loops[k].from, loops[k].to, loops[k].rounds);
        printf("short file ");
        report(loops[k].name, k, 0, r);
    }
    /* A loop that writes over code that has run: each round stores the immediate of one `mov eax, imm; ret` of many. */
    uint8_t *code = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int n = 0; n < 2048; n++) memcpy(code + 8 * n, "\xb8\0\0\0\0\xc3\x90\x90", 8);
    uint8_t *data = area;
    area = code;
    mprotect(data, SIZE, PROT_READ | PROT_WRITE);
    long total = 0;
    for (int round = 1; round < 40; round++) {
        uint8_t *at = code + 1;
        long left = 2048;
        uint32_t v = round * 77;
        __asm__ volatile("1: mov %2, (%0); add $3, %2; add $8, %0; dec %1; jnz 1b" : "+r"(at), "+r"(left), "+r"(v) : : "memory");
        for (int n = 0; n < 2048; n += 97) total = total * 3 + ((int (*)(void))(code + 8 * n))();
    }
    printf("code %ld\n", total);
    return 0;
}
