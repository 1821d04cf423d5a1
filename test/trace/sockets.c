/* Calls about sockets: addresses, options, messages with control data, and bad ones of each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char b[64], control[200];
static struct sockaddr_un a = {AF_UNIX, "/tmp/kanmon-trace-socket"}, abstract = {AF_UNIX, "\0abs"};
static struct sockaddr *const pa = (void *)&a, *const pb = (void *)&abstract;
static int sv[2];

static void names(void) {
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 1, sv);
    socketpair(AF_UNIX, 9, 1, sv);
    socketpair(46, 1, 1, sv);
    socketpair(AF_UNIX, SOCK_STREAM | 0x100, 1, sv);
    socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8);
    int s = socket(AF_UNIX, SOCK_STREAM, 0), lengths[] = {110, 110, 2, 1, 0, -1, 5};
    for (int i = 0; i < 7; i++) bind(s, pa, lengths[i]);
    bind(s, 0, 0);
    bind(s, (void *)8, 10);
    bind(s, pb, 6);
    bind(s, pb, 3);
    int families[] = {77, AF_INET, AF_UNSPEC};
    for (int i = 0; i < 3; i++) {
        abstract.sun_family = families[i];
        bind(s, pb, 16);
    }
    listen(s, 5);
    int t = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(t, pa, 110);
    socklen_t n = 110;
    accept(s, pa, &n);
    accept4(s, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK | 1);
    n = 110;
    getsockname(t, pa, &n);
    n = 110;
    getpeername(t, pa, &n);
    n = 4;
    getpeername(t, pa, &n);
    getsockname(0, pa, &n);
    getsockname(t, (void *)8, &n);
    getsockname(t, pa, 0);
    getpeername(s, pa, &n);
    for (int how = 0; how < 4; how++) shutdown(t, how);
}

static void options(void) {
    int s = socket(AF_UNIX, SOCK_STREAM, 0), v = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, 4);
    setsockopt(s, SOL_SOCKET, 1000, &v, 4);
    setsockopt(s, 777, 1, &v, 4);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, 0, 4);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, 2);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, -1);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, "abcdefgh", 8);
    struct timeval tv = {1, 4000};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, 4);
    struct linger l = {1, 2};
    setsockopt(s, SOL_SOCKET, SO_LINGER, &l, 8);
    setsockopt(s, SOL_SOCKET, SO_LINGER, &l, 4);
    int names[] = {SO_TYPE, SO_ERROR, SO_SNDBUF, SO_DOMAIN, SO_PROTOCOL, SO_PEERCRED, SO_RCVTIMEO, SO_LINGER, 1000};
    for (int i = 0; i < 9; i++) {
        socklen_t n = 64;
        getsockopt(s, SOL_SOCKET, names[i], b, &n);
    }
    socklen_t two = 2;
    getsockopt(s, SOL_SOCKET, SO_TYPE, b, &two);
    getsockopt(s, SOL_SOCKET, SO_TYPE, b, 0);
    getsockopt(99, SOL_SOCKET, SO_TYPE, b, 0);
}

static void messages(void) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
    send(sv[0], "hello", 5, 0);
    recv(sv[1], b, 3, MSG_PEEK | MSG_DONTWAIT);
    recv(sv[1], b, 64, 0);
    recv(sv[1], b, 64, MSG_DONTWAIT);
    sendto(sv[0], "x", 1, MSG_NOSIGNAL, pa, 2);
    sendto(sv[0], "x", 1, MSG_NOSIGNAL | MSG_EOR, pa, 110);
    send(-1, "y", 1, 0x900000);
    socklen_t n = 110;
    send(sv[0], "abc", 3, MSG_MORE);
    recvfrom(sv[1], b, 64, 0, pa, &n);
    memset(b, 0, sizeof b);
    struct iovec v[2] = {{"one", 3}, {"two", 3}}, w[2] = {{b, 10}, {b + 10, 10}};
    struct msghdr m = {0, 0, v, 2, 0, 0, 0};
    sendmsg(sv[0], &m, 0);
    m.msg_iov = w;
    recvmsg(sv[1], &m, MSG_DONTWAIT | MSG_TRUNC);
    recvmsg(sv[1], &m, MSG_DONTWAIT);
    m.msg_iov = v;
    int one = 1, fds[] = {0, 1}, ids[] = {getpid(), getuid(), getgid()};
    setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, 4);
    m.msg_control = control;
    m.msg_controllen = CMSG_SPACE(8) + CMSG_SPACE(12);
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(h), fds, 8);
    h = (void *)(control + CMSG_SPACE(8));
    *h = (struct cmsghdr){CMSG_LEN(12), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(h), ids, 12);
    sendmsg(sv[0], &m, MSG_NOSIGNAL);
    m = (struct msghdr){&a, 110, w, 2, control, 200, 0};
    recvmsg(sv[1], &m, MSG_CMSG_CLOEXEC);
    m = (struct msghdr){0, 0, v, 1, control, 24, 0};
    h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){20, SOL_SOCKET, 9};
    sendmsg(sv[0], &m, 0);
    h->cmsg_len = 5;
    sendmsg(sv[0], &m, 0);
    *h = (struct cmsghdr){20, 9, 9};
    sendmsg(sv[0], &m, 0);
    m.msg_iov = w;
    recvmsg(sv[1], &m, 0);
    m.msg_iov = v;
    m.msg_controllen = 10;
    sendmsg(sv[0], &m, 0);
    m.msg_iov = w;
    recvmsg(sv[1], &m, 0);
    sendmsg(sv[0], 0, 0);
    sendmsg(sv[0], (void *)8, 0);
    recvmsg(99, &m, 0);
    recvmsg(99, 0, 0);
    m = (struct msghdr){0, 0, v, 1};
    struct mmsghdr mm[2] = {{m, 0}, {m, 0}};
    mm[1].msg_hdr.msg_iovlen = 2;
    sendmmsg(sv[0], mm, 2, 0);
    mm[0].msg_hdr.msg_iov = mm[1].msg_hdr.msg_iov = w;
    w[0].iov_len = 3;
    recvmmsg(sv[1], mm, 2, MSG_DONTWAIT, 0);
    struct timespec t = {1, 0};
    recvmmsg(sv[1], mm, 2, MSG_DONTWAIT, &t);
    send(sv[0], "end", 3, 0);
    recvmmsg(sv[1], mm, 2, MSG_WAITFORONE, &t);
    sendmmsg(sv[0], mm, 0, 0);
    sendmmsg(99, mm, 2, 0);
    ioctl(sv[0], FIONREAD, b);
    ioctl(sv[0], TIOCOUTQ, b);
}

int main(void) {
    unlink(a.sun_path);
    names();
    unlink("/tmp/kanmon-trace-socket");
    options();
    messages();
    return 0;
}
