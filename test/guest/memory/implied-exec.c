// READ_IMPLIES_EXEC: what may be read may be executed, until another program begins.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, void *at) {
  FILE *f = fopen("/proc/self/maps", "r");
  char line[512], prot[8];
  unsigned long from, to;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "%lx-%lx %7s", &from, &to, prot) == 3 && from <= (unsigned long)at && (unsigned long)at < to)
      printf("%s %s\n", what, prot);
  fclose(f);
}

static void all(void) {
  char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("read and write", p);
  mprotect(p, 4096, PROT_READ);
  show("read only", p);
  mprotect(p, 4096, PROT_WRITE);
  show("write only", p);
  mprotect(p, 4096, PROT_NONE);
  show("none", p);
  munmap(p, 4096);
  p = mmap(0, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("mapped write only", p);
  munmap(p, 4096);
  int fd = open("/proc/self/exe", O_RDONLY);
  p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  show("file", p);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 1) {
    printf("%x\n", personality(0xffffffff));
    all();
    return 0;
  }
  all();
  printf("%x\n", personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE));
  all();
  if (fork() == 0) {
    all();
    execl("/proc/self/exe", "again", "x", (char *)0);
  }
  wait(NULL);
  return 0;
}
