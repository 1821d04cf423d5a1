// Leases: who may have them, who is told when they are broken, who waits, /proc/locks and fdinfo.
// also: volume
#include "check.h"
#include "../settle.h"

static volatile int told, band, from;
static void on(int sig, siginfo_t *i, void *u) {
  told = sig;
  band = sig == SIGIO ? 0 : i->si_band;
  from = sig == SIGIO ? -1 : i->si_fd;
}

// The lines of this process without what differs: number, pid, inode.
static void locks(pid_t pid) {
  FILE *f = fopen("/proc/locks", "r");
  char l[200];
  while (fgets(l, sizeof l, f)) {
    char kind[20], how[20], type[20], rest[60], where[60];
    int n, p;
    if (sscanf(l, "%d: %s %s %s %d %s %[^\n]", &n, kind, how, type, &p, where, rest) == 7 && p == pid)
      printf("  %s %s %s %s\n", kind, how, type, rest);
  }
  fclose(f);
}

static void info(int fd) {
  char p[40], l[200];
  snprintf(p, sizeof p, "/proc/self/fdinfo/%d", fd);
  FILE *f = fopen(p, "r");
  while (fgets(l, sizeof l, f))
    if (!strncmp(l, "lock:", 5)) {
      char kind[20], how[20], type[20];
      sscanf(l, "lock: 1: %s %s %s", kind, how, type);
      printf("  %s %s %s\n", kind, how, type);
    }
  fclose(f);
}

int main(void) {
  start();
  struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGIO, &sa, 0);
  sigaction(SIGUSR1, &sa, 0);
  int p[2];
  pipe(p);
  T(fcntl(p[0], F_GETLEASE));
  T(fcntl(p[0], F_SETLEASE, F_RDLCK));
  int d = open(".", O_RDONLY);
  T(fcntl(d, F_SETLEASE, F_UNLCK));
  T(fcntl(d, F_SETLEASE, F_RDLCK));
  make("f", "text");
  int w = open("f", O_RDWR);
  T(fcntl(w, F_GETLEASE));
  T(fcntl(w, F_SETLEASE, F_UNLCK));
  T(fcntl(w, F_SETLEASE, 9));
  T(fcntl(w, F_SETLEASE, F_RDLCK));
  int path = open("f", O_PATH);
  T(fcntl(path, F_GETLEASE));
  T(fcntl(w, F_SETLEASE, F_WRLCK));
  T(fcntl(w, F_GETLEASE));
  T(fcntl(w, F_GETFL) & O_ASYNC);
  T(fcntl(w, F_GETOWN) == getpid());
  locks(getpid());
  info(w);
  // A reader: the lease has to become one for reading.
  T(open("f", O_RDONLY | O_NONBLOCK));
  T(told == SIGIO);
  told = 0;
  T(open("f", O_RDONLY | O_NONBLOCK));
  T(told);
  T(fcntl(w, F_GETLEASE));
  locks(getpid());
  T(fcntl(w, F_SETLEASE, F_RDLCK));
  T(fcntl(w, F_SETSIG, SIGUSR1));
  // A writer: it has to go.
  T(open("f", O_WRONLY | O_NONBLOCK));
  T(told == SIGUSR1);
  T(band & 0x441);
  T(from == w);
  T(fcntl(w, F_GETLEASE));
  locks(getpid());
  T(fcntl(w, F_SETLEASE, F_UNLCK));
  T(fcntl(w, F_GETLEASE));
  T(fcntl(w, F_GETFL) & O_ASYNC);
  T(fcntl(w, F_GETOWN));
  T(fcntl(w, F_GETSIG));

  close(w);
  int r = open("f", O_RDONLY), r2 = open("f", O_RDONLY);
  T(fcntl(r, F_SETLEASE, F_WRLCK));
  T(fcntl(r, F_SETLEASE, F_RDLCK));
  T(fcntl(r2, F_SETLEASE, F_RDLCK));
  T(fcntl(r2, F_SETLEASE, F_WRLCK));
  locks(getpid());
  OK(open("f", O_RDONLY | O_NONBLOCK));
  T(chmod("f", 0600));
  T(rename("f", "g"));
  T(link("g", "f"));
  T(truncate("nothing", 0));
  CHILD(T(fcntl(r, F_GETLEASE)); close(r); close(r2));
  T(fcntl(r, F_GETLEASE));
  close(r2);
  locks(getpid());

  // Waiting: a child truncates while the parent has the lease, and goes on when it is given back.
  told = 0;
  int go[2], shown[2];
  pipe(go);
  pipe(shown);
  char b;
  pid_t c = fork();
  if (!c) {
    close(r);
    write(go[1], "x", 1);
    int truncated = truncate("f", 1);
    read(shown[0], &b, 1);
    T(truncated);
    _exit(0);
  }
  read(go[0], &b, 1);
  await_sleep(c, c);
  T(told == SIGIO);
  T(fcntl(r, F_GETLEASE));
  printf("parent gives way\n");
  T(fcntl(r, F_SETLEASE, F_UNLCK));
  write(shown[1], "x", 1);
  int st;
  waitpid(c, &st, 0);
  cat("f");

  // The last descriptor that goes takes the lease along.
  make("h", "h");
  w = open("h", O_RDONLY);
  T(fcntl(w, F_SETLEASE, F_WRLCK));
  int w2 = dup(w);
  T(fcntl(w2, F_GETLEASE));
  c = fork();
  if (!c) {
    close(w);
    close(w2);
    write(go[1], "x", 1);
    OK(open("h", O_RDWR));
    _exit(0);
  }
  read(go[0], &b, 1);
  await_sleep(c, c);
  T(fcntl(w, F_SETLEASE, F_RDLCK));
  close(w);
  printf("one is left\n");
  close(w2);
  waitpid(c, &st, 0);

  // Programs are files as well.
  make("script", "#!/bin/true\n");
  chmod("script", 0755);
  w = open("script", O_RDONLY);
  T(fcntl(w, F_SETLEASE, F_WRLCK));
  told = 0;
  c = fork();
  if (!c) {
    close(w);
    write(go[1], "x", 1);
    execl("script", "script", (char *)0);
    _exit(9);
  }
  read(go[0], &b, 1);
  await_sleep(c, c);
  T(told == SIGIO);
  T(fcntl(w, F_SETLEASE, F_RDLCK));
  waitpid(c, &st, 0);
  printf("ran %x\n", st);

  // Others than the owner need a capability.
  int mine = open("g", O_RDONLY);
  CHILD(setresuid(1000, 1000, 1000); T(fcntl(mine, F_SETLEASE, F_RDLCK)); T(fcntl(mine, F_SETLEASE, F_UNLCK)));
  return finish();
}
