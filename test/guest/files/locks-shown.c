// Locks as /proc/locks and /proc/self/fdinfo show them, and who waits for them.
#include "check.h"

static ino_t ino;
static pid_t self, child;

// The lines about our file, with names instead of process ids.
static void lines(const char *path, const char *from) {
  char line[300], kind[20], how[20], type[20], first[40], last[40];
  FILE *f = fopen(path, "r");
  while (fgets(line, sizeof line, f)) {
    char *at = strstr(line, from), *arrow = strstr(line, "->");
    unsigned long number;
    int pid;
    if (at == NULL) continue;
    if (sscanf(arrow ? arrow + 2 : strchr(line, ' '), "%19s %19s %19s %d %*x:%*x:%lu %39s %39s", kind, how, type, &pid, &number, first, last) != 7)
      continue;
    if (number != ino) continue;
    printf("  %s%s %s %s %s %s %s\n", arrow ? "-> " : "", kind, how, type, pid == self ? "self" : pid == child ? "child" : pid == -1 ? "-1" : "?", first, last);
  }
  fclose(f);
}
static void both(int fd) {
  char path[50];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  puts(" all");
  lines("/proc/locks", ": ");
  puts(" fdinfo");
  lines(path, "lock:");
}

// A child that waits for a lock.
static void wait_for(int fd, int flock_too) {
  child = fork();
  if (child == 0) {
    int mine = open("f", O_RDWR);
    if (flock_too) flock(mine, LOCK_SH);
    else fcntl(mine, F_SETLKW, &(struct flock){.l_type = F_RDLCK, .l_start = 5, .l_len = 2});
    _exit(0);
  }
  usleep(300000);
  both(fd);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

int main(void) {
  start();
  make("f", "0123456789");
  struct stat st;
  stat("f", &st);
  ino = st.st_ino;
  self = getpid();
  int fd = open("f", O_RDWR), other = open("f", O_RDWR);
  both(fd);
  puts("flock");
  T(flock(fd, LOCK_EX));
  both(fd);
  both(other);
  wait_for(fd, 1);
  T(flock(fd, LOCK_SH));
  both(fd);
  T(flock(fd, LOCK_UN));
  both(fd);
  puts("record locks");
  T(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 2, .l_len = 4}));
  both(fd);
  both(other);
  wait_for(fd, 0);
  T(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_RDLCK, .l_start = 0, .l_len = 0}));
  both(fd);
  T(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_UNLCK}));
  puts("of an open file description");
  T(fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 1, .l_len = 1}));
  both(fd);
  both(other);
  close(fd);
  both(other);
  return finish();
}
