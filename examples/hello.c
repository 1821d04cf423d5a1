/* Hello through libc: write(3) is a wrapper that puts 1 into rax and executes SYSCALL.
 *
 *   gcc -o hello hello.c && kanmon run ./hello
 */
#include <unistd.h>

int main(void) {
    return write(1, "Hello\n", 6) == 6 ? 0 : 1;
}
