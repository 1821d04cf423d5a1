// Instances of epoll that watch each other: chains end at five, and an event may not have too many paths to wake.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct epoll_event in = {EPOLLIN};
static const char *add(int outer, int inner) {
  return epoll_ctl(outer, EPOLL_CTL_ADD, inner, &in) ? strerror(errno) : "ok";
}

int main(void) {
  int leaf = eventfd(0, 0);
  int last = epoll_create1(0);
  add(last, leaf);
  for (int i = 1; i < 7; i++) {
    int next = epoll_create1(0);
    printf("above %d: %s\n", i, add(next, last));
    last = next;
  }
  last = epoll_create1(0);
  for (int i = 1; i < 7; i++) {
    int next = epoll_create1(0);
    printf("below %d: %s\n", i, add(last, next));
    last = next;
  }
  int a = epoll_create1(0), b = epoll_create1(0);
  printf("there %s", add(a, b));
  printf(" and back %s\n", add(b, a));

  int wide = epoll_create1(0), n = 0;
  add(wide, leaf);
  while (n < 700 && epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, wide, &in) == 0) n++;
  printf("%d watch it, then %s\n", n, strerror(errno));

  // Each of a level watches all of the level below: the paths would multiply.
  int level[5][20], made = 0;
  for (int l = 0; l < 5; l++)
    for (int i = 0; i < 20; i++) {
      level[l][i] = epoll_create1(0);
      for (int k = 0; k < 20; k++)
        if (epoll_ctl(level[l][i], EPOLL_CTL_ADD, l ? level[l - 1][k] : leaf, &in) == 0) made++;
    }
  printf("%s\n", made < 1620 ? "a tangle is refused" : "a tangle is made");
  leaf = eventfd(0, 0);
  int chain[3] = {epoll_create1(0), epoll_create1(0), epoll_create1(0)};
  add(chain[0], leaf), add(chain[1], chain[0]), add(chain[2], chain[1]);
  struct epoll_event e;
  printf("quiet %d\n", epoll_wait(chain[2], &e, 1, 0));
  eventfd_write(leaf, 1);
  printf("told %d\n", epoll_wait(chain[2], &e, 1, 1000));
  epoll_ctl(chain[1], EPOLL_CTL_DEL, chain[0], 0);
  printf("cut off %d\n", epoll_wait(chain[2], &e, 1, 0));
  close(chain[1]);
  printf("%s\n", add(chain[0], chain[2]));
}
