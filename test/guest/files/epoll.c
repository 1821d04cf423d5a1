// epoll(7) beyond the usual: order of errors, depth of nesting, shared events, one-shot items, hang-ups.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../settle.h"

static void say(const char *what, int r) { printf("%s: %d %s\n", what, r, r < 0 ? strerror(errno) : ""); }

static int ctl(int ep, int op, int fd, unsigned events) {
  struct epoll_event e = {.events = events, .data.fd = fd};
  return epoll_ctl(ep, op, fd, &e);
}

static void wait_for(const char *what, int ep, int ms) {
  struct epoll_event e = {0};
  int n = epoll_wait(ep, &e, 1, ms);
  printf("%s: %d %x\n", what, n, n > 0 ? e.events : 0);
}

static void errors(void) {
  int ep = epoll_create1(0), p[2];
  pipe(p);
  say("bad event before bad descriptor", epoll_ctl(-1, EPOLL_CTL_ADD, p[0], (void *)8));
  say("deleting needs no event", epoll_ctl(ep, EPOLL_CTL_DEL, p[0], (void *)8));
  say("itself", ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN));
  say("unknown operation", ctl(ep, 77, p[0], EPOLLIN));
  say("modify a stranger", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN));
  say("exclusive with one-shot", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
  say("exclusive", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET));
  say("again", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
  say("modify to exclusive", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE));
  say("modify an exclusive one", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN));
  int inner = epoll_create1(0);
  say("exclusive epoll", ctl(ep, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE));
  close(inner), close(ep), close(p[0]), close(p[1]);
}

// How deep is too deep differs between versions of Linux; eight levels are.
static void nesting(void) {
  int e[9], r = 0;
  for (int i = 0; i < 9; i++) e[i] = epoll_create1(0);
  for (int i = 1; i < 9 && r == 0; i++) r = ctl(e[i], EPOLL_CTL_ADD, e[i - 1], EPOLLIN);
  printf("too deep: %d %d\n", r, errno == ELOOP || errno == EINVAL);
  say("loop", ctl(e[0], EPOLL_CTL_ADD, e[3], EPOLLIN));
  int ev = eventfd(0, 0);
  say("leaf", ctl(e[0], EPOLL_CTL_ADD, ev, EPOLLIN));
  eventfd_write(ev, 1);
  wait_for("through three", e[3], 0);
  for (int i = 0; i < 9; i++) close(e[i]);
  close(ev);
}

static void one_shot(void) {
  int ep = epoll_create1(0), p[2];
  pipe(p);
  ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLONESHOT);
  write(p[1], "x", 1);
  wait_for("one-shot", ep, 0);
  wait_for("spent", ep, 0);
  close(p[1]);
  wait_for("spent, even after a hang-up", ep, 0);
  ctl(ep, EPOLL_CTL_MOD, p[0], 0);
  wait_for("no events asked: the hang-up", ep, 0);
  close(p[0]), close(ep);
}

// Four processes with an instance of their own wait for one pipe; each byte wakes one of them.
static void shared(void) {
  int p[2], go[2];
  pid_t pid[4];
  pipe(p), pipe(go);
  for (int i = 0; i < 4; i++)
    if ((pid[i] = fork()) == 0) {
      int ep = epoll_create1(0);
      ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
      struct epoll_event e;
      write(go[1], "r", 1);
      epoll_wait(ep, &e, 1, -1);
      _exit(0);
    }
  char c;
  for (int i = 0; i < 4; i++) read(go[0], &c, 1);
  for (int i = 0; i < 4; i++) await_sleep(pid[i], pid[i]);
  for (int i = 0; i < 4; i++) {
    write(p[1], "x", 1);
    int woken = 0;
    for (pid_t done = wait(NULL); done > 0; done = waitpid(-1, NULL, WNOHANG)) {
      woken++;
      for (int k = 0; k < 4; k++) {
        if (pid[k] == done) pid[k] = 0;
        if (pid[k] != 0) await_sleep(pid[k], pid[k]);
      }
    }
    printf("byte %d woke %d\n", i, woken);
    read(p[0], &c, 1);
  }
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  errors();
  nesting();
  one_shot();
  shared();
  return 0;
}
