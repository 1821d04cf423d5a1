// ioctl requests that every file answers, statx, and the memory devices.
#include "check.h"

int main(void) {
  start();
  char b[5000];
  struct stat s;
  int fd;
  make("src", "0123456789");
  int pp[2];
  pipe(pp);
  fd = open("src", 0);
  int v;
  T(ioctl(fd, FIONREAD, &v));
  printf("%d\n", v);
  T(ioctl(fd, FIOCLEX));
  T(fcntl(fd, F_GETFD));
  T(ioctl(fd, FIONCLEX));
  v = 1;
  T(ioctl(fd, FIONBIO, &v));
  T(fcntl(fd, F_GETFL));
  T(ioctl(fd, 0x5401, b));
  T(ioctl(fd, 0x5413, b));
  T(ioctl(999, 0x5401, b));
  T(ioctl(fd, 0x12345, b));
  T(isatty(fd));
  struct statx sx;
  T(statx(AT_FDCWD, "src", 0, STATX_BASIC_STATS, &sx));
  printf("%o %ld %x\n", sx.stx_mode, (long)sx.stx_size, sx.stx_mask & 0x7ff);
  T(statx(AT_FDCWD, "src", 0, 0x80000000, &sx));
  T(statx(AT_FDCWD, "src", 0x6000, 0, &sx));
  T(statx(fd, "", AT_EMPTY_PATH, 0, &sx));
  T(statx(fd, "", 0, 0, &sx));
  T(statx(pp[0], "", AT_EMPTY_PATH, 0, &sx));
  printf("%o\n", sx.stx_mode);
  int nul = open("/dev/null", O_RDWR), zer = open("/dev/zero", O_RDWR), ful = open("/dev/full", O_RDWR),
      ur = open("/dev/urandom", O_RDONLY);
  T(write(nul, "abc", 3));
  T(read(nul, b, 3));
  T(read(zer, b, 5000));
  T(write(ful, "a", 1));
  T(read(ful, b, 3));
  T(read(ur, b, 5000));
  T(lseek(nul, 100, 0));
  T(lseek(zer, 5, 0));
  stat("/dev/null", &s);
  printf("%o %lx\n", s.st_mode, s.st_rdev);
  T(fsync(nul));
  T(ftruncate(nul, 0));
  T(pwrite(nul, "a", 1, 5));
  T(open("/dev/null", O_RDONLY | O_DIRECTORY));
  T(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600) >= 0);
  T(fallocate(nul, 0, 0, 1));
  char *z = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zer, 0);
  T(z != MAP_FAILED && z[0] == 0);
  T(mmap(0, 4096, PROT_READ, MAP_SHARED, nul, 0) == MAP_FAILED);
  int exe = open("/proc/self/exe", O_WRONLY);
  printf("%s\n", exe < 0 ? error_name() : "opened");

  // How long what is written will live.
  unsigned long hint = 3;
  fd = open("hinted", O_CREAT | O_RDWR, 0600);
  int again = open("hinted", O_RDONLY);
  T(fcntl(fd, F_SET_RW_HINT, &hint));
  hint = 6;
  T(fcntl(fd, F_SET_RW_HINT, &hint));
  T(fcntl(fd, F_SET_RW_HINT, 8));
  T(fcntl(again, F_GET_RW_HINT, &hint));
  printf("%lu\n", hint);
  T(fcntl(fd, F_SET_FILE_RW_HINT, &hint));
  T(fcntl(pp[0], F_GET_RW_HINT, &hint));
  printf("%lu\n", hint);
  // Where blocks lie on a disk.
  T(ioctl(pp[0], 1, &v));
  T(ioctl(nul, 1, &v));
  T(ioctl(pp[0], 0xc020660bu, b));
  T(ioctl(nul, 0xc020660bu, b));

  return finish();
}
