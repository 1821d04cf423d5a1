// Files of huge pages where no page is set aside for them.
#include "check.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4u
#endif
#define MIB (1l << 20)

int main(void) {
  start();
  char b[8];
  int fd = syscall(SYS_memfd_create, "huge", MFD_HUGETLB);
  T(fd < 0);
  T(fd < 0 ? 0 : close(fd));
  fd = syscall(SYS_memfd_create, "huge", MFD_HUGETLB | MFD_CLOEXEC | 21u << 26);
  T(syscall(SYS_memfd_create, "huge", MFD_HUGETLB | 13u << 26));
  T(syscall(SYS_memfd_create, "huge", 21u << 26));
  T(write(fd, "text", 4));
  T(pwrite(fd, "text", 4, 0));
  T(read(fd, b, 8));
  T(ftruncate(fd, 4096));
  T(ftruncate(fd, MIB));
  T(ftruncate(fd, 4 * MIB));
  T(ftruncate(fd, 2 * MIB));
  struct stat s;
  fstat(fd, &s);
  printf("%o %ld %ld\n", s.st_mode, (long)s.st_size, (long)s.st_blksize);
  struct statfs f;
  fstatfs(fd, &f);
  printf("%lx %ld\n", (long)f.f_type, (long)f.f_bsize);
  T(read(fd, b, 8));
  T(b[0]);
  T(lseek(fd, 0, SEEK_END));
  T(mmap(0, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
  T(mmap(0, 2 * MIB, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
  T(mmap(0, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED ? -1 : 0);
  T(fallocate(fd, 0, 0, 2 * MIB));
  T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * MIB));
  T(fcntl(fd, F_GET_SEALS));
  T(ftruncate(fd, 0));
  return finish();
}
