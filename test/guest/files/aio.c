// Asynchronous input and output: requests of each kind, their events, waiting for them, limits, and what is wrong with a call.
// also: volume
#include "check.h"
#include "../settle.h"
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/eventfd.h>

static aio_context_t ctx;
static struct io_event ev[300];
static char text[64] = "0123456789abcdef", in[64];

static struct iocb request(int op, int fd, void *buf, long n, long at) {
  struct iocb r;
  memset(&r, 0, sizeof r);
  r.aio_lio_opcode = op;
  r.aio_fildes = fd;
  r.aio_buf = (unsigned long)buf;
  r.aio_nbytes = n;
  r.aio_offset = at;
  r.aio_data = 0xfedcba9876543210ul + op;
  return r;
}
static long submit1(struct iocb *r) { return syscall(SYS_io_submit, ctx, 1l, &r); }
static long get(long least, long most, struct timespec *t) { return syscall(SYS_io_getevents, ctx, least, most, ev, t); }
static void events(struct iocb *first) {
  struct timespec none = {0, 0};
  int n = get(0, 10, &none);
  printf("%d events:", n);
  for (int i = 0; i < n; i++)
    printf(" [%llx %d %lld %lld]", (unsigned long long)ev[i].data, (int)((struct iocb *)ev[i].obj - first),
           (long long)ev[i].res, (long long)ev[i].res2);
  printf("\n");
}
static void hit(int sig) {}

int main(void) {
  start();
  T(syscall(SYS_io_setup, 0, &ctx));
  T(syscall(SYS_io_setup, 1, 8l));
  T(syscall(SYS_io_setup, 0x7fffffff, &ctx));
  T(syscall(SYS_io_setup, 100000, &ctx));
  T(syscall(SYS_io_setup, 10, &ctx));
  T(syscall(SYS_io_setup, 10, &ctx));
  cat("/proc/sys/fs/aio-max-nr");
  int fd = open("f", O_CREAT | O_RDWR, 0644), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
  struct iovec v[2] = {{text, 4}, {text + 8, 4}}, w[2] = {{in, 3}, {in + 3, 20}};
  struct iocb r[8];
  struct iocb *list[8];
  for (int i = 0; i < 8; i++) list[i] = &r[i];
  r[0] = request(IOCB_CMD_PWRITE, fd, text, 16, 0);
  r[1] = request(IOCB_CMD_PWRITEV, fd, v, 2, 16);
  r[2] = request(IOCB_CMD_FSYNC, fd, 0, 0, 0);
  r[3] = request(IOCB_CMD_FDSYNC, fd, 0, 0, 0);
  r[4] = request(IOCB_CMD_PREAD, fd, in, 10, 4);
  T(syscall(SYS_io_submit, ctx, 5l, list));
  T(get(5, 5, 0));
  for (int i = 0; i < 5; i++) // fsync may end later than what was submitted after it
    for (int k = 0; k < 5; k++)
      if (ev[k].obj == (unsigned long)&r[i]) printf("%d: %llx %lld\n", i, (unsigned long long)ev[k].data, (long long)ev[k].res);
  printf("%.10s\n", in);
  r[0] = request(IOCB_CMD_PREADV, ro, w, 2, 10);
  T(submit1(&r[0]));
  events(r);
  printf("%.14s\n", in);
  T(lseek(fd, 0, SEEK_CUR));

  // What is wrong with a request.
  r[0] = request(IOCB_CMD_PREAD, wo, in, 10, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_PWRITE, ro, in, 10, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_PREAD, 99, in, 10, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_PREAD, fd, in, 10, -1);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_PREAD, fd, in, -1, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_NOOP, fd, in, 1, 0);
  T(submit1(&r[0]));
  r[0] = request(77, fd, in, 1, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_FSYNC, fd, in, 1, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_PREAD, fd, in, 1, 0);
  r[0].aio_reserved2 = 1;
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_PREAD, fd, (void *)8, 4, 0);
  T(submit1(&r[0]));
  events(r);
  r[0] = request(IOCB_CMD_PREADV, fd, (void *)8, 2, 0);
  T(submit1(&r[0]));
  events(r);
  r[0] = request(IOCB_CMD_PREAD, fd, in, 4, 1000);
  r[1] = request(IOCB_CMD_PREAD, fd, in, 0, 0);
  r[2] = request(IOCB_CMD_NOOP, fd, in, 1, 0);
  T(syscall(SYS_io_submit, ctx, 3l, list));
  events(r);
  T(syscall(SYS_io_submit, ctx, 0l, list));
  T(syscall(SYS_io_submit, ctx, -1l, list));
  T(syscall(SYS_io_submit, ctx, 1l, 8l));
  T(syscall(SYS_io_submit, ctx + 1, 1l, list));
  list[0] = (struct iocb *)8;
  T(syscall(SYS_io_submit, ctx, 1l, list));
  list[0] = &r[0];

  // Getting events.
  struct timespec soon = {0, 20000000};
  T(get(1, 1, &soon));
  T(get(2, 1, &soon));
  T(get(-1, 1, &soon));
  T(get(0, 0, &soon));
  T(syscall(SYS_io_getevents, ctx + 8, 0l, 1l, ev, &soon));
  T(syscall(SYS_io_getevents, ctx, 0l, 1l, ev, 8l));
  r[0] = request(IOCB_CMD_PREAD, fd, in, 4, 0);
  r[1] = request(IOCB_CMD_PREAD, fd, in, 5, 0);
  T(syscall(SYS_io_submit, ctx, 2l, list));
  T(get(3, 3, &soon));
  T(syscall(SYS_io_submit, ctx, 2l, list));
  T(syscall(SYS_io_getevents, ctx, 1l, 1l, 8l, &soon));
  events(r);

  // Polling, and an eventfd that hears of it.
  int p[2], e = eventfd(0, EFD_NONBLOCK);
  pipe(p);
  unsigned long n;
  r[0] = request(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0);
  r[0].aio_flags = IOCB_FLAG_RESFD;
  r[0].aio_resfd = e;
  T(submit1(&r[0]));
  events(r);
  T(read(e, &n, 8));
  write(p[1], "x", 1);
  T(read(e, &n, 8) == 8 && n == 1);
  // Whoever writes tells which events there are, asked for or not.
  T(get(1, 1, 0));
  printf("%d\n", (int)ev[0].res & POLLIN);
  T(submit1(&r[0]));
  events(r);
  r[0].aio_resfd = p[0];
  T(submit1(&r[0]));
  r[0].aio_resfd = 99;
  T(submit1(&r[0]));
  read(p[0], in, 1);
  r[0] = request(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0);
  T(submit1(&r[0]));
  T(syscall(SYS_io_cancel, ctx, &r[1], ev));
  T(syscall(SYS_io_cancel, ctx, &r[0], ev));
  T(get(1, 1, 0));
  printf("%lld\n", (long long)ev[0].res);
  r[0] = request(IOCB_CMD_POLL, p[0], (void *)0x10001, 0, 0);
  T(submit1(&r[0]));
  r[0] = request(IOCB_CMD_POLL, p[0], (void *)POLLIN, 1, 0);
  T(submit1(&r[0]));

  // Waiting: for events, and in io_submit for a pipe.
  r[0] = request(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0);
  T(submit1(&r[0]));
  pid_t me = getpid(), c = fork();
  if (!c) {
    T(syscall(SYS_io_submit, ctx, 0l, list));
    await_sleep(me, me);
    write(p[1], "y", 1);
    _exit(0);
  }
  T(get(1, 2, 0));
  printf("%d\n", (int)ev[0].res & POLLIN);
  waitpid(c, 0, 0);
  read(p[0], in, 1);
  r[0] = request(IOCB_CMD_PREAD, fd, in, 4, 0);
  r[1] = request(IOCB_CMD_PREAD, p[0], in, 4, 0);
  c = fork();
  if (!c) {
    await_sleep(me, me);
    write(p[1], "zz", 2);
    _exit(0);
  }
  T(syscall(SYS_io_submit, ctx, 2l, list));
  events(r);
  waitpid(c, 0, 0);
  signal(SIGUSR1, hit);
  c = fork();
  if (!c) {
    await_sleep(me, me);
    kill(me, SIGUSR1);
    _exit(0);
  }
  T(get(1, 1, 0));
  waitpid(c, 0, 0);
  sigset_t all;
  sigfillset(&all);
  struct { sigset_t *set; size_t n; } mask = {&all, 8};
  T(syscall(SYS_io_pgetevents, ctx, 1l, 1l, ev, &soon, &mask));
  mask.n = 4;
  T(syscall(SYS_io_pgetevents, ctx, 1l, 1l, ev, &soon, &mask));

  // As many as there is room for.
  int k = 0;
  for (r[0] = request(IOCB_CMD_PREAD, fd, in, 1, 0); k < 1000 && submit1(&r[0]) == 1; k++) {}
  printf("%d %s\n", k >= 10 && k < 300, error_name());
  T(get(1, 300, 0) == k);
  r[0] = request(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0);
  T(submit1(&r[0]));
  T(syscall(SYS_io_destroy, ctx));
  T(syscall(SYS_io_destroy, ctx));
  T(get(0, 1, 0));
  return finish();
}
