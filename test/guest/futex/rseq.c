// Restartable sequences: libc has registered its area, and a critical section that is preempted starts over.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/rseq.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static struct rseq *area(void) { return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset); }
static volatile int hits;
static void hit(int sig) { hits++; }
/* Counts until it is interrupted, then leaves through the abort handler. */
static long until_aborted(long limit) {
  long n = 0;
  asm volatile(
      "lea 3f(%%rip), %%rax\n mov %%rax, %[cs]\n jmp 1f\n"
      ".pushsection .data\n .balign 32\n 3: .long 0, 0\n .quad 1f, 2f-1f, 4f\n .popsection\n"
      "1: inc %[n]\n cmp %[limit], %[n]\n jb 1b\n2: jmp 5f\n"
      ".long 0x53053053\n4: neg %[n]\n5:\n"
      : [n] "+r"(n), [cs] "+m"(area()->rseq_cs)
      : [limit] "r"(limit)
      : "rax", "memory", "cc");
  return n;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct rseq *a = area();
  printf("size %d cpu sane %d\n", __rseq_size >= 20 || __rseq_size == 32, a->cpu_id < 64 && a->cpu_id == a->cpu_id_start);
  errno = 0;
  long r = syscall(SYS_rseq, a, 32, 0, 0x53053053);
  printf("again %ld %d\n", r, errno);
  r = syscall(SYS_rseq, (char *)a + 32, 32, 0, 0x53053053);
  printf("elsewhere %ld %d\n", r, errno);
  r = syscall(SYS_rseq, a, 32, 0, 1);
  printf("other signature %ld %d\n", r, errno);
  printf("short section %ld\n", until_aborted(10));
  signal(SIGALRM, hit);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
  r = until_aborted(1L << 60);
  printf("aborted %d, cleared %d\n", r < 0, (int)(a->rseq_cs == 0));
  return 0;
}
