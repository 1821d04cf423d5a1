/* The smallest useful program: what it takes is what it takes to start and end a process. */
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
