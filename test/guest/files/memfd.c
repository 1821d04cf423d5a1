// memfd_create with seals, and mappings that agree with read and write.
#include "check.h"

int main(void) {
  start();
  char b[10];
  int fd;
  struct stat s;
  fd = memfd_create("mm", MFD_ALLOW_SEALING);
  T(fcntl(fd, F_GET_SEALS));
  T(write(fd, "abc", 3));
  T(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  T(ftruncate(fd, 1));
  T(ftruncate(fd, 10));
  T(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  T(ftruncate(fd, 11));
  T(pwrite(fd, "x", 1, 10));
  T(pwrite(fd, "x", 1, 9));
  char *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  T(m != MAP_FAILED);
  T(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  munmap(m, 4096);
  T(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  T(pwrite(fd, "x", 1, 0));
  T(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  T(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  T(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  T(fcntl(fd, F_GET_SEALS));
  T(fcntl(memfd_create("x", 0), F_GET_SEALS));
  T(memfd_create("x", 0x100));
  fstat(fd, &s);
  printf("%o %ld\n", s.st_mode, (long)s.st_nlink);
  fd = open("mmf", O_CREAT | O_RDWR, 0600);
  ftruncate(fd, 8192);
  m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  m[5] = 'M';
  T(pread(fd, b, 1, 5));
  printf("%c\n", b[0]);
  pwrite(fd, "W", 1, 4097);
  printf("%c\n", m[4097]);
  char *pv = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  pv[5] = 'P';
  pread(fd, b, 1, 5);
  printf("%c %c\n", b[0], m[5]);
  m[6] = 's';
  printf("%d\n", pv[4097] == 'W');
  ftruncate(fd, 10);
  ftruncate(fd, 8192);
  printf("%d %d %d\n", m[5], m[4097], m[11]);

  return finish();
}
