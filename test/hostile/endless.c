// Single instructions and calls that would take hours; none may keep the machine from its other events. argv[1]: which.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
  unsigned long n = 1ul << 44;
  char *p = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *q = p;
  write(1, "begun\n", 6);
  switch (argv[1][0]) {
    case 's': __asm__ volatile("repne scasb" : "+D"(p), "+c"(n) : "a"(1) : "memory"); break;
    case 'w': __asm__ volatile("repne scasw" : "+D"(p), "+c"(n) : "a"(1) : "memory"); break;
    case 'c': __asm__ volatile("repe cmpsb" : "+S"(p), "+D"(q), "+c"(n) : : "memory"); break;
    case 'l': __asm__ volatile("rep lodsb" : "+S"(p), "+c"(n) : : "rax", "memory"); break;
    case 'p': for (;;) madvise(p, n, MADV_POPULATE_READ), madvise(p, n, MADV_DONTNEED);
    case 'f':
      // Blocks between which much time passes.
      for (;;) close(open("/tmp/f", O_CREAT | O_RDWR, 0666)), truncate("/tmp/f", 1ul << 40), rename("/tmp/f", "/tmp/g");
  }
}
