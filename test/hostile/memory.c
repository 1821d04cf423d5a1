// Uses up memory in the way named by argv[1], beside a bystander that has to survive. Prints what became of both.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void touch(void) {
  for (;;) {
    char *p = mmap(0, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) _exit(errno == ENOMEM ? 3 : 4);
    for (int i = 0; i < 16 << 20; i += 4096) p[i] = 1;
  }
}
static void heap(void) {
  for (;;) {
    char *p = malloc(1 << 20);
    if (!p) _exit(errno == ENOMEM ? 3 : 4);
    memset(p, 1, 1 << 20);
  }
}
/** The kernel writes the pages. */
static void reads(void) {
  int fd = open("/dev/zero", O_RDONLY);
  for (;;) {
    char *p = mmap(0, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) _exit(errno == ENOMEM ? 3 : 4);
    for (int i = 0; i < 16 << 20; i += 1 << 16)
      if (read(fd, p + i, 1 << 16) != 1 << 16) _exit(5);
  }
}
/** The same by a small process while a large one is there: that one has to go. */
static void reads_beside(void) {
  int fds[2];
  pipe(fds);
  pid_t big = fork();
  if (big == 0) {
    char *p = mmap(0, 60 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 60 << 20);
    write(fds[1], "x", 1);
    pause();
  }
  char c;
  read(fds[0], &c, 1);
  int fd = open("/dev/zero", O_RDONLY), s;
  char *p = mmap(0, 48 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (int i = 0; i < 48 << 20; i += 1 << 16)
    if (read(fd, p + i, 1 << 16) != 1 << 16) _exit(5);
  waitpid(big, &s, 0);
  _exit(WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL ? 3 : 4);
}
static void brks(void) {
  for (;;) {
    char *p = sbrk(1 << 20);
    if (p == (void *)-1) _exit(errno == ENOMEM ? 3 : 4);
    memset(p, 1, 1 << 20);
  }
}
static void tables(void) {
  size_t size = 1UL << 40;
  for (;;) {
    char *p = mmap(0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) _exit(errno == ENOMEM ? 3 : 4);
    for (size_t i = 0; i < size; i += 2 << 20) *(volatile char *)(p + i);
  }
}
static void mappings(void) {
  char *p = mmap(0, 1UL << 32, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (size_t i = 0; i < 1UL << 32; i += 8192)
    if (mprotect(p + i, 4096, PROT_NONE) != 0) {
      // The list is full: copies of it have to end, too.
      int n = 0;
      while (n < 300) {
        pid_t c = fork();
        if (c < 0) break;
        if (c == 0) { pause(); _exit(0); }
        n++;
      }
      int full = errno == ENOMEM;
      signal(SIGTERM, SIG_IGN);
      kill(0, SIGTERM);
      while (wait(0) > 0) {}
      _exit(full ? 3 : 4);
    }
  _exit(5);
}
static void files(const char *name) {
  int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
  static char block[1 << 20];
  for (;;) {
    ssize_t n = write(fd, block, sizeof block);
    if (n > 0) continue;
    int e = errno;
    unlink(name);
    _exit(n < 0 && (e == ENOSPC || e == ENOMEM) ? 3 : 4);
  }
}
static void children(void) {
  int n = 0;
  for (; n < 40; n++) {
    pid_t c = fork();
    if (c < 0) break;
    if (c == 0) {
      size_t size = 16 << 20;
      char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p == MAP_FAILED) _exit(1);
      memset(p, 1, size);
      usleep(300000);
      _exit(0);
    }
  }
  int killed = 0, s;
  while (wait(&s) > 0) killed += WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL;
  _exit(killed > 0 || n < 40 ? 3 : 4);
}

int main(int argc, char **argv) {
  int ask[2], tell[2];
  pipe(ask);
  pipe(tell);
  if (fork() == 0) {
    char c;
    static char page[1 << 20];
    memset(page, 7, sizeof page);
    close(ask[1]);
    read(ask[0], &c, 1);
    for (unsigned i = 0; i < sizeof page; i++)
      if (page[i] != 7) _exit(1);
    write(tell[1], "y", 1);
    _exit(0);
  }
  pid_t c = fork();
  if (c == 0) {
    setpgid(0, 0);
    switch (argv[1][0]) {
      case 't': touch();
      case 'h': heap();
      case 'b': brks();
      case 'r': reads();
      case 'o': reads_beside();
      case 'p': tables();
      case 'm': mappings();
      case 'f': files("/tmp/full");
      case 's': files("/dev/shm/full");
      case 'c': children();
    }
  }
  int s;
  waitpid(c, &s, 0);
  if (WIFSIGNALED(s)) printf(WTERMSIG(s) == SIGKILL ? "ended\n" : "signal %d\n", WTERMSIG(s));
  else printf(WEXITSTATUS(s) == 3 ? "ended\n" : "exit %d\n", WEXITSTATUS(s));
  char a = 'n';
  close(tell[1]);
  write(ask[1], "?", 1);
  read(tell[0], &a, 1);
  printf("bystander %s\n", a == 'y' ? "well" : "hurt");
  // The machine has its memory back: a new process starts and can have some.
  wait(&s);
  fflush(stdout);
  s = system("/bin/true");
  printf("then %d\n", s);
}
