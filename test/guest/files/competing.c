// Calls with two things wrong: which error comes first, and what is not looked at when there is nothing to do.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long r) {
  if (r < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, r);
}
#define T(call) show(#call, (long)(call))
static int zero(long r) { return r < 0 ? -1 : 0; }

int main(void) {
  char dir[] = "/tmp/competing-XXXXXX", buf[64] = "", longname[300];
  if (mkdtemp(dir) == NULL || chdir(dir) != 0) return 1;
  memset(longname, 'a', sizeof longname - 1);
  longname[sizeof longname - 1] = 0;
  int file = open("file", O_RDWR | O_CREAT, 0644), path = open("file", O_PATH), folder = open(".", O_RDONLY);
  int append = open("file", O_WRONLY | O_APPEND), ends[2];
  if (write(file, "0123456789", 10) != 10 || pipe(ends) != 0) return 1;
  mkdir("dir", 0755);

  // The folder is open to the one who has no rights.
  chmod(".", 0777);
  puts("paths");
  T(openat(-1, "", O_RDONLY));
  T(openat(file, longname, O_RDONLY));
  T(openat(-1, "file", O_CREAT | O_DIRECTORY, 0644));
  T(open("file/", O_CREAT | O_RDWR, 0644));
  T(open("file/", O_CREAT | O_EXCL, 0644));
  T(open("dir/", O_CREAT, 0644));
  T(mkdirat(-1, "", 0755));
  T(mkdirat(file, longname, 0755));
  T(renameat(AT_FDCWD, longname, -1, "x"));
  T(rename(".", longname));
  T(faccessat(-1, "", F_OK, 0));
  T(faccessat(AT_FDCWD, NULL, 64, 0));
  T(syscall(SYS_faccessat2, -1, NULL, 0, ~0));
  T(unlinkat(AT_FDCWD, NULL, ~0));
  T(fchownat(AT_FDCWD, NULL, 0, 0, 1));
  T(linkat(AT_FDCWD, NULL, AT_FDCWD, NULL, 1));
  T(syscall(SYS_renameat2, AT_FDCWD, NULL, AT_FDCWD, NULL, ~0));
  T(syscall(SYS_openat2, AT_FDCWD, NULL, NULL, 0));
  T(syscall(SYS_statx, AT_FDCWD, NULL, ~0, 0, NULL));
  T(syscall(SYS_readlink, NULL, buf, 0));
  T(syscall(SYS_truncate, NULL, -1L));
  T(syscall(SYS_mknod, NULL, S_IFDIR | 0755, 0));
  T(syscall(SYS_mknod, NULL, 0170000, 0));
  // Not a whiteout, which everybody may make: no such device, and none for whoever has no right to.
  fflush(stdout);
  if (fork() == 0) {
    if (setuid(65534) != 0) return 1;
    T(syscall(SYS_mknod, "device", S_IFCHR | 0644, -1L));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  T(syscall(SYS_memfd_create, NULL, 1 << 20));
  T(syscall(SYS_clone3, NULL, 0));
  T(syscall(SYS_clone3, NULL, 8192));
  struct stat st;
  T(fstatat(AT_FDCWD, "file", &st, AT_STATX_DONT_SYNC));

  puts("times");
  struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, bad[2] = {{0, 1000000000}, {0, 0}};
  T(utimensat(AT_FDCWD, "nowhere", omit, 0));
  T(utimensat(-1, "nowhere", omit, ~0));
  T(utimensat(AT_FDCWD, "nowhere", bad, 0));
  T(utimensat(AT_FDCWD, "file", bad, 0));
  T(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, AT_SYMLINK_NOFOLLOW));
  T(syscall(SYS_utimensat, file, NULL, NULL, AT_SYMLINK_NOFOLLOW));
  T(syscall(SYS_futimesat, AT_FDCWD, NULL, NULL));

  puts("attributes");
  T(setxattr("file", "", buf, 1 << 20, 0));
  T(setxattr("file", "other.a", NULL, 8, 0));
  T(fsetxattr(file, "user.a", NULL, 8, ~0));

  puts("reading and writing");
  struct iovec none = {buf, 0}, one = {buf, 8};
  T(syscall(SYS_read, file, buf, -1L));
  T(syscall(SYS_write, file, buf, LONG_MAX));
  T(syscall(SYS_pread64, file, NULL, 16L, LONG_MAX));
  T(syscall(SYS_pwrite64, file, buf, 16L, LONG_MAX));
  T(syscall(SYS_pread64, folder, buf, 16L, LONG_MAX));
  T(readv(folder, &one, 0));
  T(readv(folder, &none, 1));
  T(readv(folder, &one, 1));
  T(readv(ends[1], &one, 0));
  T(preadv2(file, &one, 1, 0, RWF_APPEND));
  T(preadv2(file, &none, 1, 0, 1 << 30));
  T(preadv2(file, &one, 1, 0, 1 << 30));
  T(preadv2(path, &one, 1, 0, 1 << 30));
  T(preadv2(ends[0], &one, 1, 0, 1 << 30));
  T(syscall(SYS_getdents64, folder, buf, 0x80000000u));

  puts("the access mode that gives none, and how a nameless file was opened");
  int neither = open("file", 3), nameless = open(".", O_TMPFILE | O_RDWR, 0600);
  T(read(neither, buf, 1));
  T(write(neither, buf, 1));
  T(readv(neither, &one, 1));
  T(sendfile(neither, file, NULL, 1));
  T(fcntl(neither, F_GETFL) & O_ACCMODE);
  T((fcntl(nameless, F_GETFL) & O_TMPFILE) == O_TMPFILE);
  int sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
  T(ftruncate(sealed, 8192));
  T(fcntl(sealed, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  T(fallocate(sealed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));

  puts("from file to file");
  off_t minus = -1, start = 0, most = LONG_MAX;
  T(sendfile(ends[1], file, &minus, 16));
  T(sendfile(path, file, &minus, 16));
  T(sendfile(path, ends[0], &start, 16));
  T(sendfile(ends[1], file, &start, -1L));
  T(sendfile(ends[1], file, &most, 16));
  T(sendfile(append, file, &start, 0));
  T(copy_file_range(path, &start, file, NULL, 8, 1));
  T(copy_file_range(file, &minus, file, NULL, 8, 0));
  off_t far = LONG_MAX;
  T(copy_file_range(file, &far, file, NULL, 8, 0));
  T(copy_file_range(folder, &minus, file, NULL, 8, 0));
  T(copy_file_range(file, NULL, file, (off_t *)8, 8, 1));
  T(splice(file, NULL, file, NULL, 0, ~0));
  T(splice(ends[1], &start, file, NULL, 8, 0));
  T(splice(file, (off_t *)8, file, NULL, 8, 0));
  T(splice(file, &minus, file, NULL, 8, 0));
  T(vmsplice(file, &none, 1, 0));
  T(vmsplice(file, &one, -1L, 0));
  T(vmsplice(file, &one, 1, 0));
  T(sync_file_range(-1, -1, -1, ~0));
  T(sync_file_range(file, LONG_MAX, LONG_MAX, 0));

  puts("descriptors");
  T(fcntl(file, F_DUPFD, -2L));
  T(fcntl(file, F_DUPFD, LONG_MIN + 5) >= 0);
  T(fcntl(file, F_SETOWN, -(long)getpgrp()));
  T(fcntl(file, F_GETOWN) == -getpgrp());
  T(fcntl(file, F_SETOWN, 0x7ffffff0));
  T(fcntl(file, F_SETOWN, -0x7ffffff0));
  T(fcntl(file, F_SETSIG, -2L));
  T(fcntl(file, F_SETSIG, 65));
  T(flock(-1, LOCK_SH | 32));
  T(flock(-1, 3));
  int ep = epoll_create1(0), in = inotify_init();
  struct epoll_event ev = {0};
  T(epoll_ctl(file, EPOLL_CTL_ADD, file, &ev));
  T(epoll_ctl(ep, EPOLL_CTL_ADD, open("/dev/null", O_RDWR), &ev));
  T(epoll_ctl(file, EPOLL_CTL_ADD, ends[0], &ev));
  T(epoll_wait(-1, &ev, 0, 0));
  T(epoll_wait(file, (void *)(1L << 62), 1, 0));
  struct timespec wrong = {0, -1};
  T(syscall(SYS_epoll_pwait2, ep, &ev, 1, &wrong, NULL, 8));
  wrong.tv_nsec = 0, wrong.tv_sec = -1;
  T(syscall(SYS_epoll_pwait2, -1, &ev, 1, &wrong, NULL, 8));
  T(syscall(SYS_inotify_add_watch, in, NULL, 0));
  T(accept4(-1, NULL, NULL, 1));
  T(accept4(file, NULL, NULL, 1));
  T(sendmsg(-1, NULL, 1 << 31));
  T(syscall(SYS_signalfd4, -1, NULL, 8L, ~0));
  T(syscall(SYS_timerfd_settime, -1, ~0, &(struct itimerspec){0}, NULL));
  T(zero(syscall(SYS_umount2, "nowhere", 0)));

  unlink("file");
  rmdir("dir");
  return chdir("/") != 0 || rmdir(dir) != 0;
}
