// A hot function that its own caller overwrites with REP MOVS, an instruction that writes many bytes at once.
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

uint64_t driver(uint64_t n, uint64_t when, const void *code);
extern char patched[];

__asm__(".pushsection .text\n"
        ".balign 4096\n"
        "patched: mov $1, %eax\n"
        "ret\n"
        ".balign 64\n"
        "driver: push %rbx\n"
        "xor %ebx, %ebx\n"
        "mov %rdx, %r8\n"
        "1: call patched\n"
        "add %rax, %rbx\n"
        "cmp %rsi, %rdi\n"
        "jne 2f\n"
        "mov %rdi, %r9\n"
        "mov %rsi, %r10\n"
        "lea patched(%rip), %rdi\n"
        "mov %r8, %rsi\n"
        "mov $6, %ecx\n"
        "rep movsb\n"
        "mov %r9, %rdi\n"
        "mov %r10, %rsi\n"
        "2: dec %rdi\n"
        "jnz 1b\n"
        "mov %rbx, %rax\n"
        "pop %rbx\n"
        "ret\n"
        ".balign 4096\n"
        ".popsection\n");

int main(void) {
    static const unsigned char two[] = {0xb8, 2, 0, 0, 0, 0xc3}; // mov $2, %eax; ret
    static const unsigned char three[] = {0xb8, 3, 0, 0, 0, 0xc3};
    if (mprotect(patched, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return 1;
    printf("%llu\n", (unsigned long long)driver(600000, 300000, two));
    printf("%llu\n", (unsigned long long)driver(600000, 200000, three));
    printf("%llu\n", (unsigned long long)driver(100, 200, two));
    return 0;
}
