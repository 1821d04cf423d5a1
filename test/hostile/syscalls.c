// Random system calls with random arguments from a fixed seed. argv: calls, seed. A child makes them and is
// replaced when it dies. The parent says only that the machine goes on.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;
static uint64_t rnd(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 0x2545f4914f6cdd1dULL;
}
static char *area;
static volatile int *shared;
static const char *const names[] = {
    "/tmp/fuzz", "/tmp/fuzz/a", "a", "b", ".", "..", "/", "", "/proc/self/maps", "/proc/self/fd/3", "/proc/self/fd",
    "/dev/null", "/dev/zero", "/dev/full", "/dev/ptmx", "/dev/tty", "/etc/passwd", "/proc/self/mem", "/proc/self/exe",
    "/sys", "/dev/shm/x", "/proc/1/status", "/proc/sys/kernel/hostname", "a/b/c", "/tmp/fuzz/link", "/bin/true",
    "/proc/self/ns", "/proc/self/task", "/dev/fd/0", "/proc/self/cwd", "/proc/self/root", "tmpfs", "proc"};
static const uint64_t edges[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 64, 255, 256, 4095, 4096, 4097, 65535, 65536, 1 << 20,
    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000, 0x7fffffffffffffff,
    0x8000000000000000, -1, -2, -22, -100, -4096, 0xffff800000000000};
static uint64_t argument(void) {
  uint64_t r = rnd();
  switch (r >> 8 & 15) {
    case 0: case 1: return edges[(r >> 16) % (sizeof edges / sizeof *edges)];
    case 2: case 3: return (r >> 16) % 12;
    case 4: return 1ULL << ((r >> 16) & 63);
    case 5: return (r >> 16) & (r >> 24) & (r >> 40) & 0xffffff;
    case 6: return rnd();
    case 7: case 8: {
      char *p = area + ((r >> 16) & 0x3fff);
      strcpy(p, names[(r >> 32) % (sizeof names / sizeof *names)]);
      return (uint64_t)p;
    }
    case 9: { // a struct with plausible words
      uint64_t *p = (uint64_t *)(area + ((r >> 16) & 0x3ff8));
      for (int i = 0; i < 8; i++) p[i] = (r >> (20 + i)) & 1 ? (uint64_t)(area + (rnd() & 0x3fff)) : rnd() % 5000;
      return (uint64_t)p;
    }
    case 10: return (uint64_t)(area + ((r >> 16) & 0x3fff));
    case 11: return (uint64_t)(area + 0x10000 - ((r >> 16) & 15)); // near the end of what is mapped
    case 12: return (uint64_t)(area + 0x10000);
    default: return (r >> 16) % 200;
  }
}
static void nothing(int s) {}
static int skip(long n) {
  switch (n) {
    case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_rt_sigsuspend: case SYS_rt_sigreturn: return 1;
    // They end or stop the others, and the parent.
    case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_send_signal: case SYS_setpgid: return 1;
  }
  return 0;
}
int main(int argc, char **argv) {
  long calls = atol(argv[1]);
  uint64_t seed = atol(argv[2]);
  int only = argc > 3 ? atoi(argv[3]) : -1;
  shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int rounds = 0;
  mkdir("/tmp/fuzz", 0777);
  chdir("/tmp/fuzz");
  while (*shared < calls && rounds < calls / 20 + 20) {
    pid_t c = fork();
    if (c == 0) {
      setsid();
      state = seed * 0x9e3779b97f4a7c15ULL + rounds * 7919 + 1;
      area = mmap((void *)0x10000000, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      struct rlimit l = {4, 4};
      struct sigaction a = {.sa_handler = nothing};
      sigaction(SIGALRM, &a, 0);
      int nul = open("/dev/null", O_RDWR);
      for (int i = 0; i < 3; i++) dup2(nul, i);
      open("/etc/passwd", O_RDONLY);
      open("/tmp/fuzz/a", O_RDWR | O_CREAT, 0666);
      int p[2];
      pipe2(p, O_NONBLOCK);
      open("/tmp/fuzz", O_DIRECTORY);
      syscall(SYS_eventfd2, 3, O_NONBLOCK);
      syscall(SYS_epoll_create1, 0);
      syscall(SYS_timerfd_create, 1, O_NONBLOCK);
      syscall(SYS_memfd_create, "m", 0);
      syscall(SYS_inotify_init1, O_NONBLOCK);
      open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY);
      syscall(SYS_socket, 1, 1 | O_NONBLOCK, 0);
      for (int k = 0; k < 400 && *shared < calls; k++) {
        long n = only >= 0 ? only : rnd() % 470;
        uint64_t x[6];
        for (int i = 0; i < 6; i++) x[i] = argument();
        (*shared)++;
        if (skip(n)) continue;
        // Its children would go on with the fuzzing, on a stack of their own or on ours.
        if (n == SYS_vfork) n = SYS_fork;
        if (n == SYS_clone) x[0] &= ~(uint64_t)(CLONE_VM | CLONE_VFORK | CLONE_THREAD | CLONE_PARENT);
        if (n == SYS_clone3) continue;
        struct { long a, b, c, d; } tick = {0, 0, 0, 20000};
        register long r10 __asm__("r10") = 0;
        syscall(SYS_setitimer, 0, &tick, 0); // what waits is interrupted
        pid_t me = getpid();
        long r = syscall(n, x[0], x[1], x[2], x[3], x[4], x[5]);
        if (r == 0 && (n == SYS_fork || n == SYS_clone) && syscall(SYS_getpid) != me) syscall(SYS_exit_group, 0);
      }
      syscall(SYS_exit_group, 0);
    }
    int s, waited = 0;
    while (waitpid(c, &s, WNOHANG) == 0) {
      usleep(2000);
      if (++waited > 1500) kill(c, SIGKILL);
    }
    rounds++;
  }
  printf("the machine goes on\n");
  if (argc > 4) printf("%d rounds, %d calls\n", rounds, *shared);
  return 0;
}
