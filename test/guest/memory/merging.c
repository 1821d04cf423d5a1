// Which neighbouring mappings are one in /proc/self/maps, and what divides them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PG 4096L
static char *lo, *hi;

// Mappings in our range: first page, number of pages, rights.
static void show(const char *what) {
  char line[300], rights[5];
  unsigned long a, b;
  FILE *f = fopen("/proc/self/maps", "r");
  printf("%s:", what);
  while (fgets(line, sizeof line, f)) {
    sscanf(line, "%lx-%lx %4s", &a, &b, rights);
    if (a >= (unsigned long)lo && b <= (unsigned long)hi)
      printf(" %ld+%ld%s", (long)(a - (long)lo) / PG, (long)(b - a) / PG, rights);
  }
  printf("\n");
  fclose(f);
}

// Flags of the mapping at a page that are about advice.
static void flags(long page) {
  char line[300];
  unsigned long a, b, at = (unsigned long)lo + page * PG;
  int found = 0;
  FILE *f = fopen("/proc/self/smaps", "r");
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "%lx-%lx ", &a, &b) == 2) found = a <= at && at < b;
    if (found && strncmp(line, "VmFlags:", 8) == 0)
      for (char *w = strtok(line + 8, " \n"); w; w = strtok(0, " \n"))
        if (strcmp(w, "sd") != 0) printf(" %s", w);
  }
  printf("\n");
  fclose(f);
}

static void map(long at, long n, int prot, int how) {
  mmap(lo + at * PG, n * PG, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | how, -1, 0);
}

static void advise(const char *name, int advice) {
  int r = madvise(lo + 20 * PG, PG, advice);
  printf("%d", r);
  flags(20);
  show(name);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  lo = mmap(0, 100 * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  hi = lo + 100 * PG;
  munmap(lo, 100 * PG);
  int rw = PROT_READ | PROT_WRITE;
  map(0, 2, rw, 0);
  map(2, 2, rw, 0);
  show("two");
  map(6, 2, rw, 0);
  map(4, 2, rw, 0);
  show("gap filled");
  lo[0] = lo[7 * PG] = 1;
  map(8, 2, rw, 0);
  show("touched");
  mprotect(lo + 2 * PG, PG, PROT_READ);
  show("split");
  mprotect(lo + 2 * PG, PG, rw);
  show("back");
  mprotect(lo + 2 * PG, 2 * PG, PROT_READ);
  mprotect(lo + 3 * PG, 2 * PG, PROT_READ);
  show("grown");
  mprotect(lo, 10 * PG, rw);
  show("all");
  munmap(lo + 4 * PG, PG);
  show("hole");
  map(4, 1, rw, 0);
  show("refilled");
  map(12, 2, rw, MAP_NORESERVE);
  map(14, 2, rw, 0);
  map(10, 2, rw, 0);
  show("no reserve");
  map(20, 2, rw, 0);
  map(22, 2, rw, MAP_POPULATE);
  show("populated");
  map(24, 2, rw, MAP_STACK);
  show("a stack");
  mlock(lo + 20 * PG, PG);
  show("locked");
  munlock(lo + 20 * PG, PG);
  show("unlocked");
  advise("not for children", MADV_DONTFORK);
  advise("for children", MADV_DOFORK);
  advise("sequential", MADV_SEQUENTIAL);
  advise("random", MADV_RANDOM);
  advise("normal", MADV_NORMAL);
  advise("mergeable", MADV_MERGEABLE);
  advise("not mergeable", MADV_UNMERGEABLE);
  advise("huge", MADV_HUGEPAGE);
  advise("not huge", MADV_NOHUGEPAGE);
  advise("not dumped", MADV_DONTDUMP);
  advise("dumped", MADV_DODUMP);
  map(30, 2, rw, 0);
  mmap(lo + 32 * PG, 2 * PG, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mmap(lo + 34 * PG, 2 * PG, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  show("shared");
  madvise(lo + 30 * PG, 4 * PG, MADV_MERGEABLE);
  flags(30);
  flags(32);
  mremap(lo + 30 * PG, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, lo + 40 * PG);
  map(42, 1, rw, 0);
  show("moved");
  map(50, 4, rw, 0);
  memset(lo + 50 * PG, 1, 4 * PG);
  mremap(lo + 50 * PG, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, lo + 60 * PG);
  show("moved away");
  mremap(lo + 60 * PG, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, lo + 50 * PG);
  show("moved home");
  int fd = memfd_create("m", 0);
  ftruncate(fd, 10 * PG);
  mmap(lo + 70 * PG, 2 * PG, rw, MAP_PRIVATE | MAP_FIXED, fd, 0);
  mmap(lo + 72 * PG, 2 * PG, rw, MAP_PRIVATE | MAP_FIXED, fd, 2 * PG);
  show("of a file");
  mmap(lo + 74 * PG, 2 * PG, rw, MAP_PRIVATE | MAP_FIXED, fd, 6 * PG);
  show("another part");
  map(90, 2, PROT_READ, 0);
  map(92, 2, PROT_NONE, 0);
  map(94, 2, rw, 0);
  show("rights");
  mprotect(lo + 90 * PG, 6 * PG, PROT_READ);
  show("the same rights");
  return 0;
}
