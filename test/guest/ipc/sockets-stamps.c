// The time at which a message was received, for who asks for it.
#include "socket.h"
#include <sys/time.h>
#include <time.h>

static int receive(int s) {
  char data[10], control[200];
  struct iovec v = {data, sizeof data};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int n = recvmsg(s, &m, MSG_DONTWAIT);
  printf("%d:", n);
  if (n < 0) return printf("\n");
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    long sec = 0, part = 0;
    if (c->cmsg_len == CMSG_LEN(16) && c->cmsg_type != SCM_CREDENTIALS) {
      memcpy(&sec, CMSG_DATA(c), 8);
      memcpy(&part, CMSG_DATA(c) + 8, 8);
    }
    long now = time(0);
    printf(" (%d %d %ld)", c->cmsg_level, c->cmsg_type, (long)c->cmsg_len);
    if (sec) printf(" now %d, a second %d", sec >= now - 1 && sec <= now, part < (c->cmsg_type == 35 || c->cmsg_type == 64 ? 1000000000 : 1000000));
  }
  printf("\n");
  return 0;
}

static int options[] = {29, 35, 63, 64};
static void stamps(int s) {
  for (int i = 0; i < 4; i++) {
    int v = -1;
    socklen_t n = sizeof v;
    getsockopt(s, SOL_SOCKET, options[i], &v, &n);
    printf(" %d", v);
  }
  printf("\n");
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  int types[] = {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
  for (int t = 0; t < 3; t++) {
    int p[2], on = 1, off = 0;
    socketpair(AF_UNIX, types[t], 0, p);
    stamps(p[1]);
    for (int i = 0; i < 4; i++) {
      send(p[0], "abc", 3, 0);
      printf("%d\n", setsockopt(p[1], SOL_SOCKET, options[i], &on, sizeof on));
      stamps(p[1]);
      receive(p[1]);
    }
    setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    send(p[0], "abc", 3, 0);
    receive(p[1]);
    // Taking any back takes all back.
    printf("%d\n", setsockopt(p[1], SOL_SOCKET, options[0], &off, sizeof off));
    stamps(p[1]);
    send(p[0], "abc", 3, 0);
    receive(p[1]);
    receive(p[1]);
    int kept[] = {34, 43, 75};
    for (int i = 0; i < 3; i++) {
      int v = 7;
      socklen_t n = sizeof v;
      printf("%d", setsockopt(p[1], SOL_SOCKET, kept[i], &v, sizeof v));
      printf(" %d", getsockopt(p[1], SOL_SOCKET, kept[i], &v, &n));
      printf(" %d\n", v);
    }
  }
  return 0;
}
