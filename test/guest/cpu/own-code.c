// Stores into the code that does them, where the page is one that a copy is made of first, and where they reach into two.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef long (*fn)(long);
static uint8_t *page;

/** The immediate that is patched, and n bytes of code that patch it, from `at` on, then `mov eax,imm; ret`. */
static fn put(uint8_t *at, const char *code, size_t n) {
  memcpy(at, code, n);
  memcpy(at + n, "\xb8\x11\x11\x11\x11\xc3", 6);
  return (fn)at;
}
#define PUT(at, code) put(at, code, sizeof code - 1)

static void each(const char *name) {
  fn f[] = {
      // mov [rip+1],edi
      PUT(page, "\x89\x3d\x01\0\0\0"),
      // add [rip+1],edi; by its immediate, and by a store of its own between
      PUT(page + 64, "\x01\x3d\x01\0\0\0"),
      // lea rdx,[rip+7]; xchg edi,[rdx]; nop; nop; nop; nop
      PUT(page + 128, "\x48\x8d\x15\x07\0\0\0\x87\x3a\x90\x90\x90\x90"),
      // mov ecx,4; push rdi; mov rsi,rsp; lea rdi,[rip+4]; rep movsb; pop rdi
      PUT(page + 192, "\xb9\4\0\0\0\x57\x48\x89\xe6\x48\x8d\x3d\x04\0\0\0\xf3\xa4\x5f"),
      // movd xmm0,edi; movss [rip+1],xmm0
      PUT(page + 256, "\x66\x0f\x6e\xc7\xf3\x0f\x11\x05\x01\0\0\0"),
      // mov [rsp-8],edi; fild dword [rsp-8]; fistp dword [rip+1]
      PUT(page + 320, "\x89\x7c\x24\xf8\xdb\x44\x24\xf8\xdb\x1d\x01\0\0\0"),
  };
  for (unsigned k = 0; k < sizeof f / sizeof *f; k++) {
    int fd[2];
    pipe(fd);
    if (fork() == 0) {
      // The page is shared with the parent: the first store of the child makes its own.
      long r[3] = {f[k](0x1234), f[k](0x777777), f[k](3)};
      write(fd[1], r, sizeof r);
      _exit(0);
    }
    long r[3] = {0};
    read(fd[0], r, sizeof r);
    close(fd[0]), close(fd[1]);
    wait(NULL);
    printf("%s %u: %lx %lx %lx", name, k, r[0], r[1], r[2]);
    // Two share it while the child waits.
    pipe(fd);
    int child = fork();
    if (child == 0) {
      char c;
      close(fd[1]);
      read(fd[0], &c, 1);
      _exit(0);
    }
    close(fd[0]);
    printf(" %lx", f[k](0x4321));
    close(fd[1]);
    wait(NULL);
    printf(" %lx\n", f[k](0x55));
  }
}

int main(void) {
  page = mmap(0, 16384, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  each("anonymous");
  // A private mapping of a file, which is the file's own page until it is written.
  int fd = memfd_create("code", 0);
  write(fd, page, 4096);
  page = mmap(0, 4096, 7, MAP_PRIVATE, fd, 0);
  printf("file: %lx\n", ((fn)page)(0x99));
  printf("file: %lx\n", ((fn)page)(0x98));
  printf("file: %lx\n", ((fn)mmap(0, 4096, 7, MAP_PRIVATE, fd, 0))(0x97));
  // A store into the page of its instruction and the next one, at once.
  page = mmap(0, 16384, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int n = 1; n < 8; n++) {
    uint8_t *at = page + 4096 - 7 - n;
    // mov [rip+off],rdi: 7 bytes that end n bytes before the page does, and a value for all 8 bytes behind it.
    memcpy(at, "\x48\x89\x3d\0\0\0\0\x90\x90\x90\x90\x90\x90\x90\x90\xc3", 16);
    memcpy(page + 4096 + 64, "\xb8\x05\0\0\0\xc3", 6);
    ((fn)(page + 4096 + 64))(0);
    uint64_t v = 0x90c301b0;                       // mov al,1; ret
    printf("two pages, %d: %lx", n, ((fn)at)(v) & 0xff);
    printf(" %lx\n", ((fn)at)(0x90c302b0) & 0xff);
  }
  return 0;
}
