/*
 * measure SECONDS OUTPUT PROGRAM ARGS... runs a program with its standard output in a file and prints what it
 * took: "wall user system status" in microseconds, status as wait(2) gives it. After so many seconds the program
 * and what it has started are killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static pid_t pid;
static void too_slow(int signo) {
    (void)signo;
    kill(-pid, SIGKILL);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644), in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0) return 2;
    long long start = now();
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(in, 0);
        dup2(out, 1);
        execv(argv[3], argv + 3);
        _exit(127);
    }
    signal(SIGALRM, too_slow);
    alarm(atoi(argv[1]));
    int status;
    struct rusage u;
    while (wait4(pid, &status, 0, &u) != pid) continue;
    printf("%lld %lld %lld %d\n", now() - start, u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec,
           u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec, status);
    return 0;
}
