// INT 0x80 from 64-bit code: the i386 calls where the kernel has them, SIGSEGV where it has not; never a crash.
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static void on(int s) { write(1, "ok\n", 3); _exit(0); }
int main(void) {
  signal(SIGSEGV, on);
  long pid = 20;
  __asm__ volatile("int $0x80" : "+a"(pid)::"memory", "r8", "r9", "r10", "r11");
  puts(pid == getpid() ? "ok" : "odd");
}
