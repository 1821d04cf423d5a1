/* Hello by number: syscall(2) takes the number itself, whatever it is.
 *
 *   gcc -o hello-syscall hello-syscall.c && kanmon run ./hello-syscall
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    syscall(SYS_write, 1, "Hello\n", 6);
    long r = syscall(100000);
    printf("call 100000: %ld, %s\n", r, strerror(errno));
    return 0;
}
