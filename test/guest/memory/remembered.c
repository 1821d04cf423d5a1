// Loops that have found the same page thousands of times find what is there now: after munmap, mremap, mprotect, madvise,
// fork, writes of another process, and the end of a file.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf out;
static void handler(int signo) { siglongjmp(out, signo); }

__attribute__((noinline)) static unsigned sum(const volatile unsigned char *p, int n) {
    unsigned s = 0;
    for (int i = 0; i < n; i++) s += p[i];
    return s;
}
__attribute__((noinline)) static void fill(volatile unsigned char *p, int n, unsigned char with) {
    for (int i = 0; i < n; i++) p[i] = with;
}
/* Reads through one pointer and writes through another. */
__attribute__((noinline)) static void copy(volatile unsigned char *to, const volatile unsigned char *from, int n) {
    for (int i = 0; i < n; i++) to[i] = from[i];
}

static void tell(const char *what, volatile unsigned char *p) {
    int signo = sigsetjmp(out, 1);
    if (signo == 0) printf("%s: sum %u\n", what, sum(p, 64));
    else printf("%s: reading gives signal %d\n", what, signo);
    signo = sigsetjmp(out, 1);
    if (signo == 0) {
        fill(p + 8, 8, 9);
        printf("%s: written, sum %u\n", what, sum(p, 64));
    } else printf("%s: writing gives signal %d\n", what, signo);
    fflush(stdout);
}

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
    struct sigaction sa = {.sa_handler = handler};
    sigaction(SIGSEGV, &sa, 0);
    sigaction(SIGBUS, &sa, 0);
    unsigned char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
    unsigned char *q = mmap(0, 8192, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
    unsigned total = 0;
    for (int round = 0; round < 60000; round++) {
        fill(p, 64, (unsigned char)round);
        copy(q, p, 64);
        total += sum(q, 64);
    }
    printf("warm: %u\n", total);
    tell("as it is", p);

    mmap(p, 4096, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    tell("mapped anew", p);
    madvise(p, 4096, MADV_DONTNEED);
    tell("not needed", p);
    mprotect(p, 4096, PROT_READ);
    tell("read-only", p);
    mprotect(p, 4096, PROT_NONE);
    tell("inaccessible", p);
    mprotect(p, 4096, PROT_READ | PROT_WRITE);
    tell("accessible", p);
    munmap(p, 4096);
    tell("unmapped", p);
    mremap(q, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    tell("moved to", p);
    tell("moved from", q);

    int fd = memfd_create("shared", 0);
    ftruncate(fd, 4096);
    unsigned char *a = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *b = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    for (int round = 0; round < 1000; round++) fill(a, 64, 3), total = sum(b, 64);
    printf("private page of the file: %u\n", total);
    fill(a, 64, 5);
    printf("written by the other mapping: %u\n", sum(b, 64));
    fill(b, 32, 7);
    fill(a, 64, 1);
    printf("copied by its own write: %u %u\n", sum(a, 64), sum(b, 64));
    fflush(stdout);

    int to[2], from[2];
    char c = 0;
    pipe(to);
    pipe(from);
    fill(p, 64, 2);
    pid_t child = fork();
    if (child == 0) {
        fill(p, 64, 4);
        fill(a, 64, 6);
        write(from[1], &c, 1);
        read(to[0], &c, 1);
        printf("child: %u %u\n", sum(p, 64), sum(a, 64));
        fflush(stdout);
        _exit(0);
    }
    read(from[0], &c, 1);
    printf("parent: %u %u\n", sum(p, 64), sum(a, 64));
    fflush(stdout);
    fill(p, 64, 8);
    fill(a, 64, 10);
    write(to[1], &c, 1);
    waitpid(child, 0, 0);
    printf("parent after: %u %u\n", sum(p, 64), sum(a, 64));
    ftruncate(fd, 0);
    tell("behind the end", a);
    ftruncate(fd, 4096);
    tell("file again", a);
    return 0;
}
