// What touching memory does: signals with their codes and addresses, copy on write, files under mappings.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
static sigjmp_buf back;
static volatile int signo, code;
static char *volatile where;

static void handler(int s, siginfo_t *info, void *context) {
  (void)context;
  signo = s;
  code = info->si_code;
  where = info->si_addr;
  siglongjmp(back, 1);
}

#define TRY(base, access)                                                                   \
  do {                                                                                      \
    if (sigsetjmp(back, 1) == 0) {                                                          \
      access;                                                                               \
      printf("%s: fine\n", #access);                                                        \
    } else                                                                                  \
      printf("%s: signal %d, code %d, offset %ld\n", #access, signo, code, (long)(where - (char *)(base))); \
  } while (0)

// A private page is copied when it is written, not when it is read by code that writes it later.
__attribute__((noinline)) static long copied(volatile long *private, volatile long *shared) {
  long before = private[0];
  shared[0] = before + 1;
  private[1] = 7;
  return private[0] - before;
}

int main(void) {
  setbuf(stdout, NULL);
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &sa, NULL);
  sigaction(SIGBUS, &sa, NULL);

  volatile char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRY(p, p[0] = 1);
  mprotect((void *)p, PAGE, PROT_READ);
  TRY(p, p[5] = 2);
  TRY(p, (void)p[0]);
  mprotect((void *)p, PAGE, PROT_NONE);
  TRY(p, (void)p[7]);
  mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE);
  printf("%d\n", p[0]);
  munmap((void *)(p + PAGE), PAGE);
  TRY(p, p[PAGE + 9] = 1);
  TRY(0, *(volatile char *)8 = 1);
  TRY(p, ((void (*)(void))p)());

  char name[] = "faultsXXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  write(fd, "hello", 5);
  volatile char *s = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  volatile char *v = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  TRY(s, (void)s[PAGE + 3]);
  TRY(s, (void)s[100]);
  s[0] = 'J';
  printf("private sees %c%c\n", v[0], v[1]);
  v[1] = 'E';
  char text[6] = "";
  pread(fd, text, 5, 0);
  printf("file has %s, shared has %.5s, private has %.5s\n", text, (char *)s, (char *)v);
  pwrite(fd, "xyz", 3, 2);
  printf("after write: shared %.5s, private %.5s\n", (char *)s, (char *)v);
  // Private copies outlive a hole in the file, but not its end.
  int holed = memfd_create("holed", 0);
  ftruncate(holed, 2 * PAGE);
  pwrite(holed, "abc", 3, 0);
  pwrite(holed, "def", 3, PAGE);
  volatile char *h = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, holed, 0);
  h[0] = 'A';
  printf("before the hole: %c%c %c\n", h[0], h[1], h[PAGE]);
  fallocate(holed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE);
  printf("after the hole: %c%c %d\n", h[0], h[1], h[PAGE]);
  ftruncate(holed, 0);
  ftruncate(holed, 2 * PAGE);
  printf("after the end: %d\n", h[0]);

  ftruncate(fd, 0);
  TRY(s, (void)s[0]);
  TRY(v, (void)v[1]);
  ftruncate(fd, 10000);
  TRY(s, s[2 * PAGE - 1] = 3);
  printf("grown again: %d\n", s[0]);

  long late = 0;
  for (int i = 0; i < 5000; i++) {
    volatile long *again =
        mmap((void *)v, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
    late += copied(again, (volatile long *)s);
  }
  printf("copied late: %ld\n", late);

  p[0] = 10;
  if (fork() == 0) {
    s[10] = 42;
    p[0] = 99;
    _exit(0);
  }
  wait(NULL);
  printf("after fork: shared %d, private %d\n", s[10], p[0]);
  volatile char *z = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, open("/dev/zero", O_RDWR), 0);
  if (fork() == 0) {
    z[0] = 7;
    _exit(0);
  }
  wait(NULL);
  printf("/dev/zero: %d\n", z[0]);

  // A child that runs out of stack dies alone; one that grows it does not.
  int status;
  if (fork() == 0) {
    signal(SIGSEGV, SIG_DFL);
    volatile char deep[4 << 20];
    for (unsigned i = 0; i < sizeof deep; i += PAGE) deep[i] = 1;
    volatile char *far = (char *)&status - (64 << 20);
    *far = 1;
    _exit(0);
  }
  wait(&status);
  printf("stack: signal %d\n", WTERMSIG(status));
  return 0;
}
