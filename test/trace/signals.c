/* Signals and what waits for them. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void handler(int s) { (void)s; }

int main(void) {
    struct sigaction sa = {0};
    sa.sa_handler = handler;
    sa.sa_flags = SA_RESTART | SA_NODEFER | SA_ONSTACK | SA_NOCLDSTOP;
    sigaddset(&sa.sa_mask, SIGINT);
    sigaddset(&sa.sa_mask, SIGRTMIN + 2);
    sigaction(SIGUSR1, &sa, 0);
    sigaction(SIGUSR1, 0, &sa);
    sigaction(SIGKILL, &sa, 0);
    signal(SIGPIPE, SIG_IGN);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    sigaddset(&s, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &s, 0);
    sigfillset(&s);
    sigdelset(&s, SIGUSR1);
    sigprocmask(SIG_SETMASK, &s, &s);
    sigemptyset(&s);
    sigprocmask(SIG_SETMASK, &s, 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), 0);
    sigaddset(&s, SIGUSR2);
    sigaddset(&s, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &s, 0);
    union sigval v = {.sival_int = 42};
    sigqueue(getpid(), SIGUSR2, v);
    siginfo_t info;
    struct timespec ts = {0, 5000};
    sigtimedwait(&s, &info, &ts);
    sigtimedwait(&s, &info, &ts);
    signalfd(-1, &s, SFD_CLOEXEC | SFD_NONBLOCK);
    signal(SIGALRM, handler);
    struct itimerval it = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &it, 0);
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
    setitimer(ITIMER_REAL, &it, 0);
    poll(0, 0, 1000);
    int p[2];
    pipe(p);
    char b[10];
    struct sigaction plain = {0};
    plain.sa_handler = handler;
    sigaction(SIGALRM, &plain, 0);
    setitimer(ITIMER_REAL, &it, 0);
    read(p[0], b, 10);
    struct pollfd pf[2] = {{p[0], POLLIN, 0}, {p[1], POLLOUT | POLLIN, 0}};
    poll(pf, 2, 0);
    poll(pf, 1, 0);
    stack_t alt = {b, 0, SS_DISABLE};
    sigaltstack(&alt, 0);
    signal(SIGALRM, SIG_DFL);
    setitimer(ITIMER_REAL, &it, 0);
    pause();
    return 0;
}
