// cc: -lutil
// Controlling terminals, background jobs and hangups.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long result_ = (call); printf("%s: %ld %s\n", what, result_, errno ? strerror(errno) : "-"); } while (0)
#define OPENS(what, path, flags) do { errno = 0; int fd_ = open(path, flags); printf("%s: %s\n", what, fd_ < 0 ? strerror(errno) : "opened"); if (fd_ >= 0) close(fd_); } while (0)
static void ms(int n) { nanosleep(&(struct timespec){n / 1000, n % 1000 * 1000000L}, NULL); }

static volatile sig_atomic_t log_[16], logged;
static void note(int n) { if (logged < 16) log_[logged++] = n; }
static void print_log(const char *what) {
  printf("%s:", what);
  for (int i = 0; i < logged; i++) printf(" %d", log_[i]);
  printf("\n");
  logged = 0;
}
static void catch(void (*h)(int), int flags) {
  int all[] = {SIGHUP, SIGCONT, SIGTTIN, SIGTTOU, SIGWINCH, SIGINT, SIGQUIT, SIGTSTP};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
    struct sigaction a = {.sa_handler = h, .sa_flags = flags};
    sigaction(all[i], &a, NULL);
  }
}

static int m, r;
static char path[64];

static void leader(void) {
  OPENS("/dev/tty without one", "/dev/tty", O_RDWR);
  int s = open(path, O_RDWR | O_NOCTTY);
  OPENS("/dev/tty after O_NOCTTY", "/dev/tty", O_RDWR);
  int w = open(path, O_WRONLY);
  OPENS("/dev/tty after O_WRONLY", "/dev/tty", O_RDWR);
  close(w);
  r = open(path, O_RDWR);
  OPENS("/dev/tty", "/dev/tty", O_RDWR);
  printf("tcgetpgrp %d tcgetsid %d\n", tcgetpgrp(r) == getpgrp(), tcgetsid(r) == getsid(0));
  int d = open("/dev/tty", O_RDWR);
  struct stat a, b;
  fstat(d, &a);
  fstat(r, &b);
  printf("/dev/tty is a node of its own: %d, isatty %d\n", a.st_rdev != b.st_rdev, isatty(d));
  close(d);
  close(s);
  SHOW("TIOCSCTTY again", ioctl(r, TIOCSCTTY, 0));
  SHOW("tcsetpgrp nobody", tcsetpgrp(r, 4100000));
  SHOW("tcsetpgrp other session", tcsetpgrp(r, getppid()));
  SHOW("tcsetpgrp negative", tcsetpgrp(r, -1));
  catch(note, SA_RESTART);
  struct winsize z = {5, 6, 0, 0};
  ioctl(r, TIOCSWINSZ, &z);
  print_log("new size");
  ioctl(r, TIOCSWINSZ, &z);
  print_log("same size");
  (void)!write(m, "\003\034\032", 3);
  int seen = 0;
  while ((seen & 1 << SIGINT) == 0 || (seen & 1 << SIGQUIT) == 0 || (seen & 1 << SIGTSTP) == 0) {
    ms(1);
    for (int i = 0; i < logged; i++) seen |= 1 << log_[i];
  }
  logged = 0;
  printf("keys: int %d quit %d tstp %d\n", seen >> SIGINT & 1, seen >> SIGQUIT & 1, seen >> SIGTSTP & 1);

  if (fork() == 0) {
    setpgid(0, 0);
    catch(SIG_DFL, 0);
    signal(SIGTTIN, SIG_IGN);
    char c;
    SHOW("background read, ignored", read(r, &c, 1));
    SHOW("background write", write(r, "bg\n", 3));
    signal(SIGTTOU, SIG_IGN);
    struct termios t;
    tcgetattr(r, &t);
    SHOW("background tcsetattr, ignored", tcsetattr(r, TCSANOW, &t));
    SHOW("TIOCSCTTY by a child", ioctl(r, TIOCSCTTY, 0));
    SHOW("TIOCNOTTY by a child", ioctl(r, TIOCNOTTY, 0));
    OPENS("/dev/tty after that", "/dev/tty", O_RDWR);
    exit(0);
  }
  int st;
  wait(&st);
  pid_t p = fork();
  if (p == 0) {
    setpgid(0, 0);
    catch(SIG_DFL, 0);
    char c;
    SHOW("read in the foreground", read(r, &c, 1));
    exit(3);
  }
  waitpid(p, &st, WUNTRACED);
  printf("background read: stopped %d by SIGTTIN %d\n", WIFSTOPPED(st), WSTOPSIG(st) == SIGTTIN);
  tcsetpgrp(r, p);
  kill(p, SIGCONT);
  (void)!write(m, "x\n", 2);
  waitpid(p, &st, 0);
  printf("then it ends: %d\n", WEXITSTATUS(st));
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(r, getpgrp());
  signal(SIGTTOU, note);
  logged = 0;

  struct termios t;
  tcgetattr(r, &t);
  t.c_lflag |= TOSTOP;
  tcsetattr(r, TCSANOW, &t);
  p = fork();
  if (p == 0) {
    setpgid(0, 0);
    catch(SIG_DFL, 0);
    (void)!write(r, "late\n", 5);
    exit(4);
  }
  waitpid(p, &st, WUNTRACED);
  printf("TOSTOP: stopped %d by SIGTTOU %d\n", WIFSTOPPED(st), WSTOPSIG(st) == SIGTTOU);
  kill(p, SIGKILL);
  waitpid(p, &st, 0);
  logged = 0;

  // A handler interrupts the read of a process in the background, again and again.
  p = fork();
  if (p == 0) {
    setpgid(0, 0);
    catch(note, 0);
    char c;
    SHOW("background read, caught", read(r, &c, 1));
    print_log("caught");
    exit(5);
  }
  waitpid(p, &st, 0);
  logged = 0;
  SHOW("TIOCNOTTY", ioctl(r, TIOCNOTTY, 0));
  print_log("leader hears");
  SHOW("tcgetpgrp", tcgetpgrp(r));
  SHOW("TIOCSCTTY", ioctl(r, TIOCSCTTY, 0));
  printf("tcgetpgrp %d\n", tcgetpgrp(r) == getpgrp());
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int s;
  openpty(&m, &s, path, NULL, NULL);
  close(s);
  if (fork() == 0) {
    setsid();
    leader();
    exit(0);
  }
  int st;
  wait(&st);

  // The end of the leader: SIGHUP to the foreground, whose descriptors go on working.
  int ready[2], done[2];
  (void)!pipe(ready);
  (void)!pipe(done);
  char c;
  if (fork() == 0) {
    setsid();
    r = open(path, O_RDWR);
    if (fork() == 0) {
      close(done[0]);
      catch(note, SA_RESTART);
      (void)!write(ready[1], "x", 1);
      while (logged == 0) ms(5);
      ms(20);
      print_log("leader ended");
      SHOW("write", write(r, "still\n", 6));
      OPENS("/dev/tty", "/dev/tty", O_RDWR);
      exit(0);
    }
    (void)!read(ready[0], &c, 1);
    exit(0);
  }
  close(done[1]);
  wait(&st);
  (void)!read(done[0], &c, 1);

  // The end of the master: SIGHUP and SIGCONT to the leader.
  if (fork() == 0) {
    setsid();
    r = open(path, O_RDWR);
    catch(note, SA_RESTART);
    (void)!write(ready[1], "x", 1);
    close(m);
    while (logged < 2) ms(5);
    print_log("master closed");
    SHOW("read", read(r, &c, 1));
    SHOW("write", write(r, "x", 1));
    OPENS("/dev/tty", "/dev/tty", O_RDWR);
    exit(0);
  }
  (void)!read(ready[0], &c, 1);
  close(m);
  wait(&st);
  printf("done\n");
  return 0;
}
