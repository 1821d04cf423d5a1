// sendfile, copy_file_range, splice, tee and vmsplice.
// also: volume
#include "check.h"

int main(void) {
  start();
  char b[200];
  int fd = open("fa", O_CREAT | O_RDWR, 0600);
  int pp[2];
  pipe(pp);
  make("src", "0123456789");
  int in = open("src", 0), out = open("dst", O_CREAT | O_RDWR | O_TRUNC, 0600);
  off_t o = 3;
  T(sendfile(out, in, &o, 4));
  printf("o %ld\n", (long)o);
  T(sendfile(out, in, 0, 4));
  T(lseek(in, 0, 1));
  cat("dst");
  T(sendfile(in, out, 0, 4));
  T(sendfile(out, pp[0], 0, 4));
  T(sendfile(pp[1], in, 0, 100));
  T(read(pp[0], b, 100));
  o = -1;
  T(sendfile(out, in, &o, 4));
  int apn = open("dst", O_WRONLY | O_APPEND);
  T(sendfile(apn, in, 0, 3));
  loff_t i1 = 0, o1 = 20;
  T(copy_file_range(in, &i1, out, &o1, 5, 0));
  printf("%ld %ld\n", (long)i1, (long)o1);
  show("dst");
  T(copy_file_range(in, &i1, in, &i1, 5, 0));
  T(copy_file_range(in, &i1, apn, 0, 5, 0));
  T(copy_file_range(in, 0, out, 0, 5, 1));
  T(copy_file_range(pp[0], 0, out, 0, 5, 0));
  lseek(in, 0, 0);
  T(splice(in, 0, pp[1], 0, 5, 0));
  T(tee(pp[0], pp[1], 5, 0));
  int p2[2];
  pipe(p2);
  T(tee(pp[0], p2[1], 3, 0));
  T(read(p2[0], b, 10));
  lseek(out, 0, 0);
  T(splice(pp[0], 0, out, 0, 100, 0));
  cat("dst");
  T(splice(in, 0, out, 0, 1, 0));
  T(splice(pp[0], &i1, out, 0, 1, 0));
  T(splice(pp[0], 0, out, 0, 1, SPLICE_F_NONBLOCK));
  struct iovec iv = {"vm", 2};
  T(vmsplice(pp[1], &iv, 1, 0));
  T(read(pp[0], b, 10));
  T(vmsplice(fd, &iv, 1, 0));

  return finish();
}
