// inotify: which events come from what, in which order, with which names.
// also: volume
#include "check.h"
#include <poll.h>
#include <sys/inotify.h>

static int in;
static const struct { unsigned bit; const char *name; } bits[] = {
  {IN_ACCESS, "access"}, {IN_MODIFY, "modify"}, {IN_ATTRIB, "attrib"}, {IN_CLOSE_WRITE, "close_write"}, {IN_CLOSE_NOWRITE, "close_nowrite"},
  {IN_OPEN, "open"}, {IN_MOVED_FROM, "moved_from"}, {IN_MOVED_TO, "moved_to"}, {IN_CREATE, "create"}, {IN_DELETE, "delete"},
  {IN_DELETE_SELF, "delete_self"}, {IN_MOVE_SELF, "move_self"}, {IN_UNMOUNT, "unmount"}, {IN_Q_OVERFLOW, "overflow"}, {IN_IGNORED, "ignored"}, {IN_ISDIR, "isdir"},
};
static void events(const char *what) {
  static char b[1 << 20] __attribute__((aligned(8)));
  printf("%s:\n", what);
  ssize_t n = read(in, b, sizeof b);
  if (n < 0) {
    printf("  %s\n", error_name());
    return;
  }
  unsigned cookie = 0;
  for (char *p = b; p < b + n;) {
    struct inotify_event *e = (struct inotify_event *)p;
    printf("  %d", e->wd);
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++)
      if (e->mask & bits[i].bit) printf(" %s", bits[i].name);
    if (e->len) printf(" [%s] %d", e->name, e->len);
    if (e->cookie) printf(cookie == e->cookie ? " same move" : " move");
    cookie = e->cookie;
    printf("\n");
    p += sizeof *e + e->len;
  }
}

int main(void) {
  start();
  char b[100];
  mkdir("d", 0755);
  mkdir("e", 0755);
  make("d/old", "x");
  in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  printf("flags %x %d\n", fcntl(in, F_GETFL), fcntl(in, F_GETFD));
  T(inotify_add_watch(in, "d", IN_ALL_EVENTS));
  T(inotify_add_watch(in, "d/old", IN_ALL_EVENTS));
  T(inotify_add_watch(in, "d", IN_ALL_EVENTS));
  events("nothing");
  int fd = open("d/old", O_RDWR);
  read(fd, b, 10);
  read(fd, b, 10);
  write(fd, "abc", 3);
  write(fd, "abc", 3);
  struct pollfd pf = {in, POLLIN, 0};
  T(poll(&pf, 1, 0));
  int left;
  ioctl(in, FIONREAD, &left);
  printf("left %d\n", left);
  T(read(in, b, 20));
  T(read(in, b, 40));
  events("open, read, write");
  ftruncate(fd, 2);
  truncate("d/old", 1);
  fchmod(fd, 0600);
  chmod("d/old", 0644);
  chown("d/old", 0, 0);
  struct timespec ts[2] = {{1, 0}, {0, UTIME_OMIT}};
  utimensat(AT_FDCWD, "d/old", ts, 0);
  ts[0].tv_nsec = UTIME_OMIT, ts[1].tv_nsec = 5;
  utimensat(AT_FDCWD, "d/old", ts, 0);
  utimensat(AT_FDCWD, "d/old", 0, 0);
  close(fd);
  events("changes");
  close(open("d/old", O_RDONLY));
  close(open("d/old", O_PATH));
  close(open("d/old", O_WRONLY | O_TRUNC));
  events("open again");
  fd = open("d/new", O_CREAT | O_RDWR, 0600);
  int two = dup(fd);
  close(fd);
  events("create");
  close(two);
  mkdir("d/sub", 0755);
  symlink("x", "d/link");
  mknod("d/fifo", S_IFIFO | 0600, 0);
  link("d/old", "d/hard");
  events("make");
  rename("d/new", "d/newer");
  rename("d/newer", "e/away");
  rename("e/away", "d/back");
  rename("d/sub", "d/sub2");
  rename("d/old", "d/older");
  events("rename");
  DIR *dir = opendir("d");
  while (readdir(dir)) {}
  closedir(dir);
  chmod("d", 0700);
  events("the folder");
  unlink("d/link");
  rmdir("d/sub2");
  unlink("d/hard");
  events("unlink");
  fd = open("d/older", O_RDONLY);
  unlink("d/older");
  events("unlink while open");
  close(fd);
  events("close");
  T(inotify_rm_watch(in, 2));
  // Over an existing one.
  T(inotify_add_watch(in, "d/back", IN_ALL_EVENTS));
  make("d/n", "y");
  events("make n");
  rename("d/n", "d/back");
  events("replaced");
  // Masks.
  T(inotify_add_watch(in, "d", IN_CREATE));
  close(open("d/back", O_RDONLY));
  make("d/m", "y");
  events("only create");
  T(inotify_add_watch(in, "d", IN_OPEN | IN_MASK_ADD));
  make("d/o", "y");
  events("open, too");
  T(inotify_add_watch(in, "d", IN_OPEN | IN_MASK_CREATE));
  T(inotify_add_watch(in, "e", IN_OPEN | IN_ONESHOT));
  make("e/1", "y");
  make("e/2", "y");
  events("one shot");
  T(inotify_add_watch(in, "d/m", IN_OPEN | IN_ONLYDIR));
  T(inotify_add_watch(in, "none", IN_OPEN));
  T(inotify_add_watch(in, "d", 0));
  T(inotify_add_watch(in, "d", 0x1000));
  T(inotify_add_watch(0, "d", IN_OPEN));
  T(inotify_add_watch(99, "d", IN_OPEN));
  T(inotify_add_watch(in, "d", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN));
  T(inotify_init1(77));
  // Unlinked files, unless excluded.
  T(inotify_add_watch(in, "d", IN_MODIFY));
  fd = open("d/m", O_WRONLY);
  unlink("d/m");
  write(fd, "x", 1);
  T(inotify_add_watch(in, "d", IN_MODIFY | IN_EXCL_UNLINK));
  write(fd, "x", 1);
  close(fd);
  events("of unlinked files");
  T(inotify_rm_watch(in, 1));
  events("removed");
  T(inotify_rm_watch(in, 1));
  // The folder itself goes.
  mkdir("g", 0755);
  T(inotify_add_watch(in, "g", IN_ALL_EVENTS));
  rename("g", "h");
  rmdir("h");
  events("folder removed");
  // The end of a file that nobody has open comes before that of its name.
  mkdir("g", 0755);
  T(inotify_add_watch(in, "g", IN_DELETE | IN_MOVE));
  const unsigned ends = IN_ATTRIB | IN_DELETE_SELF | IN_CLOSE | IN_MOVE_SELF;
  make("g/file", "x");
  T(inotify_add_watch(in, "g/file", ends));
  unlink("g/file");
  events("not open");
  make("g/file", "x");
  link("g/file", "g/other");
  T(inotify_add_watch(in, "g/file", ends));
  unlink("g/file");
  events("has another name");
  unlink("g/other");
  events("last name");
  fd = open("g/file", O_CREAT | O_RDWR, 0600);
  T(inotify_add_watch(in, "g/file", ends));
  unlink("g/file");
  events("open");
  close(fd);
  events("closed");
  mkdir("g/dir", 0755);
  T(inotify_add_watch(in, "g/dir", ends));
  rmdir("g/dir");
  events("folder");
  make("g/one", "x");
  make("g/two", "x");
  T(inotify_add_watch(in, "g/one", ends));
  T(inotify_add_watch(in, "g/two", ends));
  rename("g/one", "g/two");
  events("replaced");
  // A full queue.
  T(inotify_add_watch(in, "e", IN_ATTRIB));
  for (int i = 0; i < 10000; i++) chmod("e/1", 0600), chmod("e/2", 0600);
  static char all[1 << 20];
  ssize_t n = 0, k;
  while ((k = read(in, all + n, 65536)) > 0) n += k;
  struct inotify_event *last = (struct inotify_event *)(all + n - 16);
  printf("full %zd: wd %d mask %x\n", n, last->wd, last->mask);
  close(in);
  // A reader waits.
  in = inotify_init();
  inotify_add_watch(in, "e", IN_CREATE);
  if (fork() == 0) {
    usleep(20000);
    make("e/late", "z");
    _exit(0);
  }
  events("waited");
  wait(0);
  int n_ = 0;
  while (inotify_init() >= 0) n_++;
  printf("instances %d %s\n", n_ > 50 && n_ < 128, error_name());
  return finish();
}
