/*
 * measure OUTPUT PROGRAM ARGS... runs a program with its standard output in a file and prints what it took:
 * "wall user system status" in microseconds, status as wait(2) gives it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644), in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0) return 2;
    long long start = now();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in, 0);
        dup2(out, 1);
        execv(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    struct rusage u;
    if (wait4(pid, &status, 0, &u) != pid) return 2;
    printf("%lld %lld %lld %d\n", now() - start, u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec,
           u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec, status);
    return 0;
}
