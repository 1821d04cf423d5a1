// What reading and writing do to the times of files that are no plain ones, and what fallocate does to a plain one.
#include "check.h"

// Which of atime, mtime and ctime of a name a call changes. Clocks of file systems tick every few milliseconds.
#define CHANGES(name, call) do { \
    struct stat a_, b_; \
    lstat(name, &a_); \
    usleep(20000); \
    OK(call); \
    lstat(name, &b_); \
    printf("  %s:%s%s%s\n", name, memcmp(&a_.st_atim, &b_.st_atim, sizeof a_.st_atim) ? " atime" : "", \
           memcmp(&a_.st_mtim, &b_.st_mtim, sizeof a_.st_mtim) ? " mtime" : "", \
           memcmp(&a_.st_ctim, &b_.st_ctim, sizeof a_.st_ctim) ? " ctime" : ""); \
  } while (0)

static void times_links(void) {
  char b[8];
  struct stat s;
  make("target", "");
  symlink("target", "link");
  CHANGES("link", lstat("link", &s));
  CHANGES("link", readlink("link", b, sizeof b));
  CHANGES("link", readlink("link", b, sizeof b));
  CHANGES("link", lchown("link", -1, getgid()));
  CHANGES("link", stat("link", &s));
  CHANGES("link", stat("link", &s));
}

static void times_folder(void) {
  mkdir("folder", 0755);
  int fd = open("folder", O_RDONLY | O_DIRECTORY);
  char b[1024];
  CHANGES("folder", make("folder/a", ""));
  CHANGES("folder", syscall(SYS_getdents64, fd, b, sizeof b));
  CHANGES("folder", syscall(SYS_getdents64, fd, b, sizeof b));
  CHANGES("folder", make("folder/b", ""));
  fcntl(fd, F_SETFL, O_NOATIME);
  lseek(fd, 0, SEEK_SET);
  CHANGES("folder", syscall(SYS_getdents64, fd, b, sizeof b));
  close(fd);
}

static void times_fifo(void) {
  mkfifo("fifo", 0644);
  int fd = open("fifo", O_RDWR);
  char b[4];
  CHANGES("fifo", write(fd, "abcd", 4));
  CHANGES("fifo", read(fd, b, 2));
  CHANGES("fifo", write(fd, "e", 1));
  CHANGES("fifo", read(fd, b, 3));
  close(fd);
}

static void times_space(void) {
  make("space", "");
  int fd = open("space", O_RDWR);
  CHANGES("space", fallocate(fd, 0, 0, 4096));
  CHANGES("space", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 16384));
  CHANGES("space", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  CHANGES("space", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192));
  CHANGES("space", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 8192));
  T(fchmod(fd, 06755));
  T(fallocate(fd, 0, 0, 8192));
  struct stat s;
  fstat(fd, &s);
  printf("%o %ld\n", s.st_mode, (long)s.st_size);
}

int main(void) {
  // Where Kanmon has a tmpfs: on what the host lends, the host keeps the times.
  chdir("/tmp");
  start();
  times_links();
  times_folder();
  times_fifo();
  times_space();
  return finish();
}
