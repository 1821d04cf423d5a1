// FICLONE and its kin where blocks cannot be shared: what is checked, and what says so.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)

int main(void) {
  char a[] = "/dev/shm/kanmon-a-XXXXXX", b[] = "/dev/shm/kanmon-b-XXXXXX";
  int from = mkstemp(a), to = mkstemp(b), p[2];
  write(from, "some bytes", 10);
  int reads = open(a, O_RDONLY), writes = open(b, O_WRONLY), appends = open(b, O_WRONLY | O_APPEND);
  int dir = open("/dev/shm", O_RDONLY), null = open("/dev/null", O_RDWR), path = open(a, O_PATH);
  pipe(p);
  T(ioctl(to, FICLONE, from));
  T(ioctl(writes, FICLONE, reads));
  T(ioctl(to, FICLONE, -1));
  T(ioctl(to, FICLONE, path));
  T(ioctl(path, FICLONE, from));
  T(ioctl(reads, FICLONE, from));
  T(ioctl(appends, FICLONE, from));
  T(ioctl(to, FICLONE, writes));
  T(ioctl(to, FICLONE, dir));
  T(ioctl(dir, FICLONE, from));
  T(ioctl(to, FICLONE, null));
  T(ioctl(null, FICLONE, from));
  T(ioctl(null, FICLONE, null));
  T(ioctl(to, FICLONE, p[0]));
  T(ioctl(p[1], FICLONE, p[0]));
  struct file_clone_range r = { .src_fd = from, .src_length = 10 };
  T(ioctl(to, FICLONERANGE, &r));
  T(ioctl(to, FICLONERANGE, 8));
  r.src_fd = -1;
  T(ioctl(to, FICLONERANGE, &r));
  struct file_dedupe_range *d = calloc(1, sizeof *d + sizeof d->info[0]);
  d->src_length = 10, d->dest_count = 1, d->info[0].dest_fd = to;
  T(ioctl(from, FIDEDUPERANGE, d));
  T(ioctl(writes, FIDEDUPERANGE, d));
  T(ioctl(dir, FIDEDUPERANGE, d));
  T(ioctl(null, FIDEDUPERANGE, d));
  T(ioctl(from, FIDEDUPERANGE, 8));
  d->reserved1 = 1;
  T(ioctl(from, FIDEDUPERANGE, d));
  d->dest_count = 65535;
  T(ioctl(from, FIDEDUPERANGE, d));
  unlink(a), unlink(b);
}
