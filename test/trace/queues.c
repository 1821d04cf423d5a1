/* Calls on POSIX message queues. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    struct mq_attr a = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 3, .mq_msgsize = 16};
    struct mq_attr plain = {.mq_maxmsg = 0, .mq_msgsize = 16};
    char b[16];
    unsigned priority;
    mq_open("/kanmon-trace-none", O_RDWR);
    mq_open("/kanmon-trace", O_CREAT | O_RDWR, 0600, &plain);
    int q = mq_open("/kanmon-trace", O_CREAT | O_RDWR, 0600, &a);
    mq_getattr(q, &a);
    a.mq_flags = O_NONBLOCK;
    mq_setattr(q, &a, &plain);
    mq_send(q, "hello", 5, 7);
    mq_receive(q, b, 16, &priority);
    mq_receive(q, b, 16, &priority);
    mq_receive(q, b, 15, NULL);
    struct timespec t = {1, 5};
    mq_timedsend(q, "", 0, 0, &t);
    mq_timedreceive(q, b, 16, NULL, &t);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 3};
    mq_notify(q, &e);
    mq_notify(q, NULL);
    mq_unlink("/kanmon-trace");
    return 0;
}
