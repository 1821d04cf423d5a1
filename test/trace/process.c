/* Processes, threads' primitives and identity. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    int w;
    pid_t c = fork();
    if (c == 0) _exit(3);
    waitpid(c, &w, 0);
    c = fork();
    if (c == 0) raise(SIGTERM);
    wait4(c, &w, 0, 0);
    wait4(-1, &w, WNOHANG | WUNTRACED, 0);
    c = fork();
    if (c == 0) {
        execve("/nope", (char *[]){"a", "b c", 0}, (char *[]){"X=1", 0});
        _exit(0);
    }
    waitpid(c, &w, 0);
    struct rlimit limit = {0, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &limit);
    getrlimit(RLIMIT_CORE, &limit);
    char name[16];
    prctl(PR_SET_NAME, "hello");
    prctl(PR_GET_NAME, name);
    prctl(PR_SET_PDEATHSIG, 9);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(9999, 1, 2, 3, 4);
    prctl(PR_GET_DUMPABLE);
    int f = 0;
    syscall(SYS_futex, &f, FUTEX_WAKE_PRIVATE, 1);
    syscall(SYS_futex, &f, FUTEX_WAIT, 1, 0);
    struct timespec ts = {1700000000, 5};
    syscall(SYS_futex, &f, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &ts, 0, 0xffffffff);
    ts = (struct timespec){0, 9};
    syscall(SYS_futex, &f, FUTEX_WAIT_PRIVATE, 0, &ts);
    syscall(SYS_futex, &f, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2147483647, &w, 0);
    syscall(SYS_futex, &f, FUTEX_WAKE_OP_PRIVATE, 1, 1, &w, 0x5000001);
    syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts);
    syscall(SYS_clock_gettime, 77, &ts);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 1000}, 0);
    uid_t r, e, s;
    getresuid(&r, &e, &s);
    setresuid(-1, -1, -1);
    getpriority(PRIO_PROCESS, 0);
    sched_yield();
    sched_getscheduler(0);
    syscall(500, 1, 2, 3, 4, 5, 6);
    *(volatile int *)0x1234 = 1;
    return 0;
}
