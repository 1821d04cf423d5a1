// Structures that lie across two pages, hot: pages that are neighbours only for the program, pages that may not be
// written or not be touched, and pages that move (copy on write) between two accesses.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define HOT 60000

struct s {
    uint64_t a, b, c, d, e, f, g, h;
};

__attribute__((noinline)) static uint64_t step(volatile struct s *p, uint64_t n) {
    uint64_t x = p->a + n;
    p->b = x ^ p->c;
    p->e += p->d;
    p->g = p->f + (p->h ^ n);
    p->h = p->b + p->g;
    return x + p->h;
}
__attribute__((noinline)) static uint64_t sum(volatile const struct s *p) { return p->a + p->c * 3 + p->f * 5 + p->h * 7; }
/** A load and a store to one page by two pointers that the compiler cannot tell apart. */
__attribute__((noinline)) static uint64_t two(volatile uint64_t *p, volatile uint64_t *q, uint64_t n) {
    uint64_t x = p[0];
    q[1] = n;
    return x + p[1] + p[2];
}

static uint64_t hot(volatile struct s *p) {
    uint64_t v = 1;
    for (uint64_t n = 0; n < HOT; n++) v = v * 31 + step(p, n);
    return v;
}

static sigjmp_buf back;
static volatile long at;
static void *base;
static void caught(int sig, siginfo_t *i, void *u) {
    (void)u;
    at = (char *)i->si_addr - (char *)base;
    siglongjmp(back, sig);
}

int main(void) {
    for (int shift = 8; shift <= 56; shift += 16) {
        char *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        m[PAGE] = 0; // in this order their frames hardly are neighbours
        m[0] = 0;
        printf("anonymous %d: %llx\n", shift, (unsigned long long)hot((struct s *)(m + PAGE - shift)));
    }

    // One page of a file twice: what is written behind the boundary appears at the beginning.
    int fd = memfd_create("pages", 0);
    (void)!ftruncate(fd, 2 * PAGE);
    char *m = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    mmap(m + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    mmap(m + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, PAGE);
    printf("shared: %llx", (unsigned long long)hot((struct s *)(m + PAGE - 24)));
    printf(" %llx\n", (unsigned long long)hot((struct s *)(m + 2 * PAGE - 40)));
    printf("same page: %d\n", memcmp(m, m + PAGE, PAGE));

    // The second page may be read only, or not be there: the first store or load behind the boundary fails.
    struct sigaction sa = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    base = m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile struct s *p = (struct s *)(m + PAGE - 32);
    for (int prot = 0; prot < 2; prot++) {
        memset(m, 3, 2 * PAGE);
        mprotect(m + PAGE, PAGE, prot ? PROT_READ : PROT_NONE);
        int faults = 0;
        for (volatile int n = 0; n < 3000; n++) {
            if (sigsetjmp(back, 1) == 0) step(p, n);
            else faults++;
        }
        printf("%s: %d faults at %ld, b %llx c %llx\n", prot ? "read only" : "none", faults, at - PAGE,
               (unsigned long long)p->b, (unsigned long long)p->c);
        mprotect(m + PAGE, PAGE, PROT_READ | PROT_WRITE);
        printf("e %llx g %llx\n", (unsigned long long)p->e, (unsigned long long)p->g);
    }
    const char *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t v = 0;
    for (int n = 0; n < HOT; n++) v += sum((const struct s *)(ro + 64 * (n & 31)));
    printf("zeros %llx\n", (unsigned long long)v);

    // After each fork the first store moves the page from under what was loaded before.
    uint64_t *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    v = 0;
    for (int n = 0; n < HOT; n++) v = v * 7 + two(q, q, n);
    for (int n = 0; n < 40; n++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            uint64_t w = two(q, q, 1000 + n) + hot((struct s *)(m + PAGE - 16));
            _exit(w == 0 ? 1 : q[1] == 1000u + n ? 7 : 2);
        }
        q[2] = n;
        v = v * 7 + two(q, q, n) + step((struct s *)(m + PAGE - 16), n);
        int st;
        waitpid(child, &st, 0);
        if (st != 7 << 8) printf("child %d: %x\n", n, st);
    }
    printf("copies %llx %llu\n", (unsigned long long)v, (unsigned long long)q[1]);
    return 0;
}
