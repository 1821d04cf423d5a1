// fallocate, holes, advice and synchronisation.
// also: volume
#include "check.h"

int main(void) {
  start();
  char b[5000];
  int fd;
  fd = open("fa", O_CREAT | O_RDWR, 0600);
  T(fallocate(fd, 0, 0, 10000));
  show("fa");
  T(pwrite(fd, "abcdefgh", 8, 4094));
  T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4095, 3));
  T(pread(fd, b, 8, 4094));
  printf("%d%d%d%d%d\n", b[0], b[1], b[2], b[3], b[4]);
  T(fallocate(fd, FALLOC_FL_KEEP_SIZE, 20000, 100));
  show("fa");
  T(fallocate(fd, 0, -1, 5));
  T(fallocate(fd, 0, 0, 0));
  T(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 5));
  T(fallocate(open("fa", 0), 0, 0, 5));
  T(posix_fadvise(fd, 0, 0, 9));
  T(posix_fadvise(fd, 0, 0, 0));
  int pp[2];
  pipe(pp);
  T(posix_fadvise(pp[0], 0, 0, 0));
  T(lseek(pp[0], 0, 0));
  T(pread(pp[0], b, 1, 0));
  T(fsync(pp[0]));
  T(ftruncate(pp[1], 0));
  T(fallocate(pp[1], 0, 0, 1));
  T(readahead(fd, 0, 10));
  T(readahead(pp[0], 0, 10));
  T(sync_file_range(fd, 0, 0, 7));
  T(sync_file_range(fd, 0, 0, 8));
  T(syncfs(fd));

  return finish();
}
