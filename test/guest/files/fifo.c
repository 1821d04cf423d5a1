// FIFOs: an open that waits counts as an end only while it waits, however it ends.
// also: volume
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../settle.h"

static const char *NAME = "/tmp/kanmon-test-fifo";
static void nothing(int signo) { (void)signo; }

static void say(const char *what, int r) {
  printf("%s: %s\n", what, r < 0 ? strerror(errno) : "opened");
  if (r >= 0) close(r);
}

static void events(const char *what, int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  poll(&p, 1, 0);
  printf("%s: %x\n", what, p.revents);
}

// Only writers that come after an open without any are missed when they leave.
static void hangups(void) {
  int r = open(NAME, O_RDONLY | O_NONBLOCK);
  events("never a writer", r);
  int w = open(NAME, O_WRONLY);
  int met = open(NAME, O_RDONLY | O_NONBLOCK);
  close(w);
  events("its writer left", r);
  events("that was there at the open", met);
  int late = open(NAME, O_RDONLY | O_NONBLOCK);
  events("left before", late);
  close(open(NAME, O_WRONLY));
  events("another came and left", late);
  close(r);
  close(met);
  close(late);
}

// A child that waits in open, and how it is made to stop.
static void interrupted(const char *what, int flags, int signo, int handled, int other) {
  pid_t p = fork();
  if (p == 0) {
    if (handled) sigaction(signo, &(struct sigaction){.sa_handler = nothing}, NULL);
    int fd = open(NAME, flags);
    _exit(fd < 0 ? errno : 0);
  }
  await_sleep(p, p);
  kill(p, signo);
  int status;
  waitpid(p, &status, 0);
  printf("%s: exit %d signal %d\n", what, WEXITSTATUS(status), WTERMSIG(status));
  say("the other end afterwards", open(NAME, other | O_NONBLOCK));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGPIPE, SIG_IGN);
  unlink(NAME);
  mkfifo(NAME, 0600);
  say("writer alone", open(NAME, O_WRONLY | O_NONBLOCK));
  say("reader alone", open(NAME, O_RDONLY | O_NONBLOCK));
  interrupted("reader, handler", O_RDONLY, SIGUSR1, 1, O_WRONLY);
  interrupted("reader, killed", O_RDONLY, SIGKILL, 0, O_WRONLY);
  // A writer that gave up leaves no end of file to wait for: the reader finds nobody.
  interrupted("writer, handler", O_WRONLY, SIGUSR1, 1, O_RDONLY);
  pid_t p = fork();
  if (p == 0) {
    int fd = open(NAME, O_WRONLY);
    write(fd, "met", 3);
    _exit(0);
  }
  await_sleep(p, p);
  int fd = open(NAME, O_RDONLY);
  char buf[8] = {0};
  printf("read %zd", read(fd, buf, sizeof buf));
  printf(" %s", buf);
  waitpid(p, NULL, 0);
  printf(" then %zd\n", read(fd, buf, sizeof buf));
  close(fd);
  hangups();
  unlink(NAME);
  return 0;
}
