// POSIX locks, open file description locks, flock, waiting and deadlock.
// also: volume
#include "check.h"
#include "../settle.h"

static int lock(int fd, int cmd, int type, long start, long len) {
  struct flock f = {type, SEEK_SET, start, len, 0};
  int r = fcntl(fd, cmd, &f);
  if (cmd == F_GETLK || cmd == F_OFD_GETLK)
    printf("  lock %d %ld %ld %s\n", f.l_type, (long)f.l_start, (long)f.l_len,
           f.l_pid > 0     ? "pid"
           : f.l_pid == -1 ? "ofd"
                           : "0");
  return r;
}

int main(void) {
  start();
  char b[10];
  int fd;
  fd = open("lock", O_CREAT | O_RDWR, 0600);
  T(lock(fd, F_SETLK, F_WRLCK, 0, 10));
  T(lock(fd, F_SETLK, F_RDLCK, 3, 2));
  T(lock(fd, F_GETLK, F_WRLCK, 0, 0));
  CHILD(T(lock(fd, F_GETLK, F_RDLCK, 0, 0)); T(lock(fd, F_GETLK, F_RDLCK, 3, 2));
        T(lock(fd, F_GETLK, F_WRLCK, 3, 1)); T(lock(fd, F_GETLK, F_WRLCK, 5, 0));
        T(lock(fd, F_GETLK, F_WRLCK, 10, 0)); T(lock(fd, F_SETLK, F_WRLCK, 9, 1));
        T(lock(fd, F_SETLK, F_RDLCK, 4, 1)); T(lock(fd, F_SETLK, F_WRLCK, 100, 0));
        T(lock(fd, F_SETLK, F_UNLCK, 0, 0)););
  T(lock(fd, F_SETLK, F_UNLCK, 4, 1));
  CHILD(T(lock(fd, F_GETLK, F_WRLCK, 4, 1)); T(lock(fd, F_GETLK, F_WRLCK, 3, 10)););
  T(lock(fd, F_GETLK, F_UNLCK, 0, 0));
  T(lock(fd, F_SETLK, 7, 0, 0));
  T(lock(fd, F_SETLK, F_WRLCK, -5, 1));
  T(lock(fd, F_SETLK, F_WRLCK, 10, -5));
  int rfd = open("lock", O_RDONLY);
  T(lock(rfd, F_SETLK, F_WRLCK, 0, 1));
  T(close(rfd));
  CHILD(T(lock(fd, F_GETLK, F_WRLCK, 0, 0)););
  T(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5));
  int f2 = open("lock", O_RDWR);
  T(lock(f2, F_OFD_SETLK, F_WRLCK, 0, 5));
  T(lock(f2, F_OFD_GETLK, F_WRLCK, 0, 5));
  T(lock(f2, F_SETLK, F_WRLCK, 2, 1));
  T(lock(f2, F_GETLK, F_WRLCK, 2, 1));
  close(fd);
  T(lock(f2, F_OFD_SETLK, F_WRLCK, 0, 5));
  fd = open("lock", O_RDWR);
  T(flock(fd, LOCK_EX));
  T(flock(f2, LOCK_SH | LOCK_NB));
  T(flock(f2, LOCK_EX | LOCK_NB));
  T(flock(fd, LOCK_SH));
  T(flock(f2, LOCK_SH | LOCK_NB));
  T(flock(fd, LOCK_EX | LOCK_NB));
  T(flock(f2, LOCK_UN));
  T(flock(fd, LOCK_EX | LOCK_NB));
  T(flock(fd, 0));
  T(flock(999, LOCK_SH));
  {
    int pp[2];
    pipe(pp);
    lock(f2, F_OFD_SETLK, F_UNLCK, 0, 0);
    flock(fd, LOCK_UN);
    lock(fd, F_SETLK, F_WRLCK, 0, 1);
    pid_t p = fork();
    if (!p) {
      lock(fd, F_SETLK, F_WRLCK, 1, 1);
      write(pp[1], "x", 1);
      int r = lock(fd, F_SETLKW, F_WRLCK, 0, 1);
      printf("child got %d\n", r);
      _exit(0);
    }
    read(pp[0], b, 1);
    await_sleep(p, p);
    errno = 0;
    int r = lock(fd, F_SETLKW, F_WRLCK, 1, 1);
    printf("parent %d %s\n", r, r < 0 ? error_name() : "");
    lock(fd, F_SETLK, F_UNLCK, 0, 0);
    wait(0);
  }

  return finish();
}
