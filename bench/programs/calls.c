/*
 * What a system call costs: calls NAME [MILLISECONDS [HELLO]] prints nanoseconds a call, the fastest of ten
 * batches that together take about that long, after a warm-up of the same length. HELLO is the program that
 * fork+exec starts.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int zero, null, to_child[2], to_parent[2];
static const char *hello;

static void must(int ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(1);
}

static void do_getpid(long n) {
    while (n--) must(syscall(SYS_getpid) > 0, "getpid");
}
static void do_read(long n) {
    char byte;
    while (n--) must(read(zero, &byte, 1) == 1, "read");
}
static void do_write(long n) {
    while (n--) must(write(null, "x", 1) == 1, "write");
}
static void do_stat(long n) {
    struct stat st;
    while (n--) must(stat("/usr/bin/env", &st) == 0, "stat");
}
static void do_open(long n) {
    while (n--) {
        int fd = open("/usr/bin/env", O_RDONLY);
        must(fd >= 0, "open");
        close(fd);
    }
}
static void do_ping_pong(long n) {
    char byte = 0;
    while (n--) {
        must(write(to_child[1], &byte, 1) == 1, "write");
        must(read(to_parent[0], &byte, 1) == 1, "read");
    }
}
static void do_fork(long n) {
    while (n--) {
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0) _exit(0);
        must(waitpid(pid, NULL, 0) == pid, "waitpid");
    }
}
static void do_exec(long n) {
    while (n--) {
        int status;
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0) {
            dup2(null, 1);
            execl(hello, "hello", (char *)NULL);
            _exit(127);
        }
        must(waitpid(pid, &status, 0) == pid && status == 0, "exec");
    }
}

/* The other end of the ping-pong: sends back every byte until the pipe is closed. */
static void echo_bytes(void) {
    must(pipe(to_child) == 0 && pipe(to_parent) == 0, "pipe");
    if (fork() == 0) {
        char byte;
        close(to_child[1]);
        while (read(to_child[0], &byte, 1) == 1)
            if (write(to_parent[1], &byte, 1) != 1) break;
        _exit(0);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static const struct {
    const char *name;
    void (*run)(long);
} items[] = {
    {"getpid", do_getpid}, {"read", do_read}, {"write", do_write},         {"stat", do_stat},
    {"open", do_open},     {"fork", do_fork}, {"pingpong", do_ping_pong}, {"exec", do_exec},
};

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    double batch = (argc > 2 ? atof(argv[2]) : 300) * 1e6 / 10;
    hello = argc > 3 ? argv[3] : "/bin/true";
    zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    must(zero >= 0 && null >= 0, "open");
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        if (strcmp(items[i].name, argv[1]) != 0) continue;
        if (items[i].run == do_ping_pong) echo_bytes();
        long n = 1;
        for (double first = now(), took = 0; now() - first < batch * 10;) {
            double start = now();
            items[i].run(n);
            took = now() - start;
            if (took < batch / 2)
                n *= 2;
            else if (took > batch * 1.5 && n > 1)
                n /= 2;
        }
        double best = 1e18;
        for (int r = 0; r < 10; r++) {
            double start = now();
            items[i].run(n);
            double each = (now() - start) / n;
            if (each < best) best = each;
        }
        printf("%.1f\n", best);
        return 0;
    }
    return 2;
}
