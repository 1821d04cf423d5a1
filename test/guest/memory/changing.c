// Mappings that change under hot loops: pages are mapped, moved, protected, dropped, cut off, forked and written by the
// kernel, between loops over them and in their midst. What the loops compute and where they fault is the same on any Linux.
// `changing ROUNDS SEED 1` goes on for longer, from another seed, and prints every step.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096ul
#define PAGES 16
#define FILE_PAGES 16
#define RW (PROT_READ | PROT_WRITE)
#define HOT __attribute__((noinline, noclone))
typedef volatile uint64_t word;

static uint8_t *const window = (uint8_t *)0x10000000000;
static int file, other;
static int verbose;
static uint64_t hash, random_state = 88172645463325252;

static uint64_t rnd(uint64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (random_state >> 11) % n;
}
static void mix(uint64_t value) { hash = (hash ^ value) * 0x100000001b3 + (hash >> 40); }

static sigjmp_buf back;
static volatile uint64_t fault;
static void faulted(int signo, siginfo_t *info, void *context) {
  (void)context;
  fault = ((uint64_t)info->si_addr - (uint64_t)window) * 1000 + signo * 10 + info->si_code;
  siglongjmp(back, 1);
}

// The loops. Their pointers may lie in one page, or in two that show the same page of the file.
HOT static uint64_t bytes(volatile uint8_t *p, int n, int step) {
  uint64_t s = 0;
  for (int i = 0; i < n; i += step) s = s * 31 + p[i];
  return s;
}
HOT static uint64_t words(word *p, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) s = s * 31 + p[i];
  return s;
}
HOT static uint64_t fill(volatile uint32_t *p, int n, uint32_t value) {
  for (int i = 0; i < n; i++) p[i] = value + i;
  return n;
}
HOT static uint64_t exchange(word *a, word *b, int n) {
  for (int i = 0; i < n; i++) {
    a[i] += b[i] ^ i;
    b[i] += 1;
  }
  return n;
}
// Loads and stores by turns: the first store to a private page of the file copies it, and no load before may.
HOT static uint64_t turns(word *a, word *b, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    s += a[0];
    b[0] = s;
    s ^= a[0] * 3;
    b[1] = s + a[1];
  }
  return s;
}
HOT static uint64_t once(word *a, word *b) {
  uint64_t s = a[0];
  b[0] = s + 1;
  a[1] = 7;
  return a[0] * 5 + s;
}
HOT static uint64_t nested(volatile uint32_t *a, int n, int m) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    uint32_t t = 0;
    for (int j = 0; j < m; j++) t = t * 7 + a[(i * 64 + j) & 1023];
    a[i & 1023] ^= t;
    s += t + bytes((volatile uint8_t *)a, 16, 1);
  }
  return s;
}
HOT static uint64_t unaligned(volatile uint8_t *p, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    word *q = (word *)(p + i);
    s = s * 5 + *q;
    *q = s;
  }
  return s;
}
HOT static uint64_t strings(uint8_t *a, uint8_t *b, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    void *from = a, *to = b;
    uint64_t count = 40;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    s += ((volatile uint8_t *)b)[i & 31];
    ((volatile uint8_t *)a)[i & 31] += 1;
  }
  return s;
}
HOT static uint64_t vectors(uint8_t *a, uint8_t *b, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    __asm__ volatile("movdqu (%1), %%xmm0; paddq (%2), %%xmm0; movdqu %%xmm0, (%2); movq %%xmm0, %0"
                     : "=r"(s)
                     : "r"(a + i), "r"(b)
                     : "xmm0", "memory");
  }
  return s;
}
HOT static uint64_t atomics(uint64_t *a, uint64_t *b, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    s += __atomic_fetch_add(a, i, __ATOMIC_SEQ_CST);
    uint64_t seen = s;
    s ^= __atomic_compare_exchange_n(b, &seen, s, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) + seen;
  }
  return s;
}
HOT static uint64_t deep(int n, uint64_t x) {
  word l[5];
  l[0] = x;
  l[1] = x * 3;
  l[4] = n;
  l[2] = n > 0 ? deep(n - 1, x + 1) : 1;
  return l[0] + l[1] * l[2] + l[4];
}
// The page changes in the midst of the loop, by a system call that is not even a function.
HOT static uint64_t midst(uint8_t *page, int n, int shared) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) {
    s = s * 3 + ((word *)page)[0];
    ((word *)page)[1] = s;
    if (i % 16 != 0) continue;
    uint64_t r = SYS_mmap;
    register uint64_t flags __asm__("r10") = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;
    register uint64_t from __asm__("r8") = file, at __asm__("r9") = (i / 16 % 3) * PAGE;
    __asm__ volatile("syscall"
                     : "+a"(r)
                     : "D"(page), "S"(PAGE), "d"((uint64_t)RW), "r"(flags), "r"(from), "r"(at)
                     : "rcx", "r11", "memory");
    s += ((word *)page)[1];
  }
  return s;
}
// The same for the page that the stack pointer is in.
HOT static uint64_t own_stack(uint8_t *page, uint64_t n) {
  uint64_t s = 0;
  register uint64_t flags __asm__("r10") = MAP_SHARED | MAP_FIXED;
  register uint64_t from __asm__("r8") = file, at __asm__("r9") = 0;
  __asm__ volatile("mov %%rsp, %%rbx\n"
                   "lea 2048(%%rdi), %%rsp\n"
                   "1: mov $9, %%eax\n" // mmap
                   "syscall\n"
                   "add 8(%%rsp), %0\n"
                   "mov %0, (%%rsp)\n"
                   "push %1\n"
                   "add (%%rsp), %0\n"
                   "pop %%rax\n"
                   "add %0, 8(%%rsp)\n"
                   "xor $4096, %%r9\n"
                   "dec %1\n"
                   "jnz 1b\n"
                   "mov %%rbx, %%rsp"
                   : "+r"(s), "+r"(n), "+r"(at)
                   : "D"(page), "S"(PAGE), "d"((uint64_t)RW), "r"(flags), "r"(from)
                   : "rax", "rbx", "rcx", "r11", "memory");
  return s;
}

static void map(uint64_t page, uint64_t n, int prot) {
  int kind = rnd(4);
  int flags[] = {MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED, MAP_PRIVATE, MAP_SHARED | MAP_ANONYMOUS};
  mix((uint64_t)mmap(window + page * PAGE, n * PAGE, prot, flags[kind] | MAP_FIXED, kind % 3 ? file : -1,
                     rnd(FILE_PAGES) * PAGE));
}

static void loops(int count);

// The child changes what it can, and tells what it found by a page that it shares.
static void child(void) {
  static word *told;
  if (!told) told = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid = fork();
  if (pid == 0) {
    loops(6);
    *told = hash;
    _exit(3);
  }
  int status;
  waitpid(pid, &status, 0);
  mix(*told + status);
  loops(3);
}

static void change(void) {
  uint64_t page = rnd(PAGES), n = 1 + rnd(3), to = rnd(PAGES);
  if (page + n > PAGES) n = PAGES - page;
  if (to + n > PAGES) to = PAGES - n;
  static const int prots[] = {RW, RW, RW, PROT_READ, PROT_NONE, RW | PROT_EXEC};
  int prot = prots[rnd(6)], what = rnd(32);
  uint8_t *at = window + page * PAGE;
  if (verbose) printf("%d: page %lu, %lu, to %lu, prot %d\n", what, page, n, to, prot);
  if (what < 7) map(page, n, prot);
  else if (what < 10) map(0, PAGES, RW);
  else if (what < 12) mix(mprotect(at, n * PAGE, prot) ? errno : 0);
  else if (what < 15) mix(mprotect(window, PAGES * PAGE, RW) ? errno : 0);
  else if (what < 17) mix(madvise(at, n * PAGE, MADV_DONTNEED) ? errno : 0);
  else if (what < 18) mix(madvise(at, n * PAGE, MADV_REMOVE) ? errno : 0);
  else if (what < 20) mix(munmap(at, n * PAGE));
  else if (what < 24) {
    // One page at a time: how several mappings move at once depends on the kernel.
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (rnd(4) == 0 ? MREMAP_DONTUNMAP : 0);
    for (uint64_t i = 0; i < n; i++)
      mix(mremap(at + i * PAGE, PAGE, PAGE, flags, window + (to + i) * PAGE) == MAP_FAILED ? errno : 0);
  } else if (what < 26) {
    for (int i = 0; i < 8; i++) {
      uint64_t value = rnd(-1);
      mix(pwrite(file, &value, 8, rnd(FILE_PAGES) * PAGE + rnd(3) * 8));
    }
  } else if (what < 28) mix(pread(other, at, n * PAGE, 0));
  else if (what < 29) mix(ftruncate(file, rnd(FILE_PAGES) * PAGE) + ftruncate(file, FILE_PAGES * PAGE));
  else if (what < 30) mix(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, rnd(FILE_PAGES) * PAGE, PAGE));
  else if (what < 31) mix(mremap(at, PAGE, 2 * PAGE, 0) == MAP_FAILED ? errno : 0);
  else if (rnd(6) == 0) child();
}

static uint64_t loop(int which, uint8_t *a, uint8_t *b, int last) {
  uint64_t offset = rnd(64) * 8;
  if (which == 0) return bytes(a, last ? PAGE : 2 * PAGE, 13);
  if (which == 1) return words((word *)a, 512);
  if (which == 2) return fill((volatile uint32_t *)(a + offset), 256, rnd(1 << 30));
  if (which == 3) return exchange((word *)a, (word *)b, 300);
  if (which == 4) return turns((word *)a, (word *)b, 200);
  if (which == 5) return nested((volatile uint32_t *)a, 20, 20);
  if (which == 6) return unaligned(a + PAGE - 64 - 8 * last, last ? 50 : 120);
  if (which == 7) return strings(a, b + 512, 60);
  if (which == 8) return vectors(a + (last ? 0 : PAGE - 50), b + 1024, 100);
  if (which == 9) return atomics((uint64_t *)a, (uint64_t *)(b + offset), 100);
  if (which == 10) return deep(40, offset);
  if (which == 11) return turns((word *)(a + PAGE - 16), (word *)b, 150);
  if (which == 12) return midst(a, 100, offset & 8);
  if (which == 13) return own_stack(a, 100);
  uint64_t s = 0;
  for (int i = 0; i < 30; i++) s = s * 7 + once((word *)(window + (i % PAGES) * PAGE), (word *)b);
  return s;
}

static void loops(int count) {
  for (int i = 0; i < count; i++) {
    int which = rnd(15), a = rnd(PAGES), b = rnd(PAGES);
    if (sigsetjmp(back, 1) == 0) mix(loop(which, window + a * PAGE, window + b * PAGE, a == PAGES - 1));
    else mix(fault);
    if (verbose) printf("  loop %d over %d and %d: %016lx\n", which, a, b, hash);
  }
}

// Another thread, and then a signal handler, put another page where a loop waits for a word to change.
static word *waited;
static volatile uint64_t wanted;
HOT static void spin(word *p, uint64_t value) {
  while (*p != value) {}
}
HOT static uint64_t spin_and_store(word *p, word *q, uint64_t value) {
  uint64_t n = 0;
  while (p[0] != value) q[3] = n++;
  return q[3];
}
static void replace(uint64_t value, int kind) {
  int at = (FILE_PAGES - 1 - kind) * PAGE;
  pwrite(file, &value, 8, at);
  if (kind < 2) mmap((void *)waited, PAGE, RW, (kind ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, file, at);
  else {
    uint64_t *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[0] = value;
    mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)waited);
  }
}
static void *replacer(void *unused) {
  for (int i = 1; i <= 60; i++) {
    while (wanted != i) sched_yield();
    replace(i, i % 3);
  }
  return unused;
}
static void alarmed(int signo) { replace(wanted + signo - SIGALRM, wanted % 3); }

static void others(void) {
  static uint64_t own[4];
  waited = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, replacer, NULL);
  for (int i = 1; i <= 60; i++) {
    wanted = i;
    if (i & 1) spin(waited, i);
    else spin_and_store(waited, i % 4 ? waited : own, i);
  }
  pthread_join(thread, NULL);
  signal(SIGALRM, alarmed);
  for (int i = 1001; i < 1020; i++) {
    wanted = i;
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 3000}}, NULL);
    spin_and_store(waited, i % 3 ? waited : own, i);
  }
  puts("others: done");
}

// A stack that is replaced, changed and forked while its context is not the one that runs.
static ucontext_t outer, inner;
static uint64_t found;
HOT static void add(word *l) {
  for (int i = 0; i < 200; i++) l[i & 7] += i;
}
static void worker(void) {
  word l[8];
  for (int i = 0; i < 8; i++) l[i] = i;
  for (;;) {
    add(l);
    found += deep(3, l[3]);
    swapcontext(&inner, &outer);
    for (int i = 0; i < 8; i++) found = found * 31 + l[i];
  }
}
/** Changes the sums that `worker` keeps, which no address of its stack looks like. */
static void change_sums(word *stack, int by) {
  for (int i = 0; i < 2048; i++)
    if (stack[i] > 10000 && stack[i] < 3000000) stack[i] += by;
}
static void stacks(void) {
  const long size = 4 * PAGE;
  int fd = memfd_create("stacks", 0), at = 0;
  ftruncate(fd, 2 * size);
  word *stack = mmap(NULL, size, RW, MAP_SHARED, fd, 0);
  getcontext(&inner);
  inner.uc_stack.ss_sp = (void *)stack;
  inner.uc_stack.ss_size = size;
  makecontext(&inner, worker, 0);
  for (int i = 0; i < 300; i++) {
    swapcontext(&outer, &inner);
    if (i % 4 == 3) continue;
    if (i % 12 == 2) {
      pid_t pid = fork();
      if (pid == 0) {
        swapcontext(&outer, &inner);
        _exit(found & 127);
      }
      int status;
      waitpid(pid, &status, 0);
      found = found * 3 + status;
    }
    long to = i % 4 == 0 ? size - at : at;
    word *copy = mmap(NULL, size, RW, MAP_SHARED, fd, to);
    if (to != at)
      for (int k = 0; k < 2048; k++) copy[k] = stack[k];
    change_sums(copy, i % 4 - 7);
    munmap((void *)copy, size);
    if (to != at) mmap((void *)stack, size, RW, MAP_SHARED | MAP_FIXED, fd, to);
    at = to;
  }
  printf("stacks: %016lx\n", found);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 2000;
  if (argc > 2) random_state ^= strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15;
  verbose = argc > 3;
  file = memfd_create("file", 0);
  other = memfd_create("other", 0);
  ftruncate(file, FILE_PAGES * PAGE);
  for (uint64_t i = 0; i < FILE_PAGES; i++) pwrite(file, &i, 8, i * PAGE);
  for (uint64_t i = 0; i < 3 * PAGE; i += 8) pwrite(other, &i, 8, i);
  mmap(window, PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mmap(window + PAGES * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  struct sigaction sa = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &sa, NULL);
  sigaction(SIGBUS, &sa, NULL);
  for (int i = 1; i <= rounds; i++) {
    change();
    loops(4);
    if (i % (rounds / 16) == 0) printf("%d: %016lx\n", i, hash);
  }
  fflush(stdout);
  others();
  stacks();
  return 0;
}
