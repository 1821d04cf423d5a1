// What the programs of this folder share: a fresh folder to work in, and one line of output per call.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static const char *error_name(void) { return strerrorname_np(errno); }

// The call, its result and its error.
#define T(call) do { \
    errno = 0; \
    long r_ = (long)(call); \
    if (r_ < 0) printf("%s = -1 %s\n", #call, error_name()); \
    else printf("%s = %ld\n", #call, r_); \
  } while (0)
// The same for a result that only has to be a success, such as a descriptor.
#define OK(call) do { \
    errno = 0; \
    long r_ = (long)(call); \
    printf("%s: %s\n", #call, r_ < 0 ? error_name() : "ok"); \
  } while (0)
// Runs in a child of its own and tells how that ended.
#define CHILD(...) do { \
    fflush(stdout); \
    pid_t p_ = fork(); \
    if (!p_) { \
      __VA_ARGS__; \
      _exit(0); \
    } \
    int w_; \
    waitpid(p_, &w_, 0); \
    printf("child %x\n", w_); \
  } while (0)

static int make(const char *path, const char *text) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (fd < 0) return -1;
  int n = write(fd, text, strlen(text));
  close(fd);
  return n;
}

static void cat(const char *path) {
  char b[200];
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    printf("cat %s: %s\n", path, error_name());
    return;
  }
  int n = read(fd, b, sizeof b - 1);
  close(fd);
  b[n < 0 ? 0 : n] = 0;
  printf("cat %s: [%s]\n", path, b);
}

// Sizes and link counts of directories are their file system's business.
static void show(const char *path) {
  struct stat s;
  if (lstat(path, &s)) {
    printf("%s: %s\n", path, error_name());
    return;
  }
  printf("%s: mode %o uid %d gid %d", path, s.st_mode, s.st_uid, s.st_gid);
  if (!S_ISDIR(s.st_mode)) printf(" nlink %ld size %ld", (long)s.st_nlink, (long)s.st_size);
  printf("\n");
}

static void list(const char *path) {
  struct dirent **d;
  int n = scandir(path, &d, 0, alphasort);
  printf("list %s:", path);
  for (int i = 0; i < n; i++) printf(" %s/%d", d[i]->d_name, d[i]->d_type);
  printf("\n");
}

// A fresh folder as working directory; removed by finish().
static char home_[4200];
static void start(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  umask(022);
  snprintf(home_, sizeof home_, "%s/files-XXXXXX", getcwd((char[4100]){0}, 4100));
  if (!mkdtemp(home_) || chdir(home_)) exit(99);
  chmod(home_, 0755);
}
static int finish(void) {
  fflush(stdout);
  if (fork() == 0) execlp("rm", "rm", "-rf", home_, (char *)0);
  wait(0);
  return 0;
}
