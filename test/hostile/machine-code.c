// Code that no compiler makes: it changes itself, lies on the stack, overlaps, is not executable, or is privileged.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static sigjmp_buf back;
static volatile int got, code;
static void *volatile where;
static void on(int s, siginfo_t *i, void *c) { got = s; code = i->si_code; where = i->si_addr; siglongjmp(back, 1); }
typedef int (*fn)(int);
static unsigned char *page;
static void run(const char *name, const void *bytes, size_t n) {
  memset(page, 0xcc, 4096);
  memcpy(page, bytes, n);
  got = 0;
  int r = -1;
  if (sigsetjmp(back, 1) == 0) r = ((fn)page)(5);
  if (got) printf("%s: signal %d code %d\n", name, got, code);
  else printf("%s: %d\n", name, r);
}
#define RUN(name, bytes) run(name, bytes, sizeof bytes - 1)
int main(void) {
  static char alt[65536];
  stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
  sigaltstack(&ss, 0);
  struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (int s = 1; s < 32; s++)
    if (s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGTRAP || s == SIGFPE) sigaction(s, &a, 0);
  page = mmap(0, 8192, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  // A loop whose body adds an immediate that the loop itself counts up.
  long total = 0;
  RUN("loop that patches itself",
      "\x31\xc0\xb9\xd0\x07\x00\x00"            // xor eax,eax; mov ecx,2000
      "\x83\xc0\x01"                            // add eax,1       (the 1 is at +9)
      "\xfe\x05\xf9\xff\xff\xff"                // inc byte [rip-7]
      "\xff\xc9\x75\xf3\xc3");                  // dec ecx; jnz; ret
  for (int i = 0; i < 300; i++) {
    unsigned char f[] = {0xb8, i, i >> 8, 0, 0, 0xc3};
    memcpy(page, f, sizeof f);
    total += ((fn)page)(0);
  }
  printf("patched from outside: %ld\n", total);
  // The same bytes read at two offsets: mov eax,imm / the immediate is code.
  RUN("into the middle", "\xeb\x01\xb8\xb8\x07\x00\x00\x00\xc3");
  RUN("overlap", "\x31\xc0\xeb\xff\xc0\xc3");
  RUN("prefixes up to 15 bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90\xb8\x01\x00\x00\x00\xc3");
  RUN("16 bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90\xc3");
  {
    unsigned char f[] = {0xb8, 9, 0, 0, 0, 0xc3};
    mprotect((void *)((uintptr_t)f & ~4095UL), 8192, 7);
    printf("on the stack: %d\n", ((fn)f)(0));
  }
  // The last bytes of a page, and nothing behind it.
  mprotect(page + 4096, 4096, PROT_NONE);
  memcpy(page + 4094, "\xb8\x01", 2);
  got = 0;
  if (sigsetjmp(back, 1) == 0) ((fn)(page + 4094))(0);
  printf("off the page: signal %d at %ld\n", got, (long)((unsigned char *)where - page));
  static int data[4] = {0xc3c3c3c3};
  got = 0;
  if (sigsetjmp(back, 1) == 0) ((fn)data)(0);
  printf("data: signal %d code %d\n", got, code);
  got = 0;
  if (sigsetjmp(back, 1) == 0) ((fn)0)(0);
  printf("null: signal %d code %d\n", got, code);
  got = 0;
  if (sigsetjmp(back, 1) == 0) ((fn)0x8000000000000000)(0);
  printf("call far out: signal %d\n", got);
  got = 0;
  if (sigsetjmp(back, 1) == 0) got = *(volatile char *)0x7ffffffffffff;
  printf("read far out: signal %d code %d\n", got, code);
  got = 0;
  if (sigsetjmp(back, 1) == 0) *(volatile char *)0xffffffff81000000 = 1;
  printf("write to the kernel: signal %d\n", got);
  got = 0;
  if (sigsetjmp(back, 1) == 0) got = *(volatile short *)0x7fffffffffff;
  printf("across the end: signal %d\n", got);
  RUN("hlt", "\xf4");
  RUN("cli", "\xfa");
  RUN("sti", "\xfb");
  RUN("in", "\xec");
  RUN("out", "\xe6\x80");
  RUN("insb", "\x6c");
  RUN("outsb", "\x6e");
  RUN("mov cr0", "\x0f\x20\xc0");
  RUN("mov to cr3", "\x0f\x22\xd8");
  RUN("mov dr7", "\x0f\x21\xf8");
  RUN("lgdt", "\x0f\x01\x10");
  RUN("lidt", "\x0f\x01\x18");
  RUN("lldt", "\x0f\x00\xd0");
  RUN("ltr", "\x0f\x00\xd8");
  RUN("lmsw", "\x0f\x01\xf0");
  RUN("clts", "\x0f\x06");
  RUN("invd", "\x0f\x08");
  RUN("wbinvd", "\x0f\x09");
  RUN("invlpg", "\x0f\x01\x38");
  RUN("wrmsr", "\x0f\x30");
  RUN("rdmsr", "\x0f\x32");
  RUN("rdpmc", "\x0f\x33\xc3");
  RUN("sysret", "\x48\x0f\x07");
  RUN("swapgs", "\x0f\x01\xf8");
  RUN("iret to nowhere", "\x48\xcf");
  RUN("int 0x81", "\xcd\x81");
  RUN("int 3", "\xcd\x03");
  RUN("int3", "\xcc");
  RUN("ud2", "\x0f\x0b");
  RUN("monitor", "\x0f\x01\xc8");
  RUN("syscall of no number", "\xb8\xff\xff\xff\x7f\x0f\x05\xc3");
}
