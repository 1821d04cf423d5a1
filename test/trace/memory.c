/* Mappings. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p, 4096, PROT_NONE);
    madvise(p + 4096, 4096, MADV_DONTNEED);
    p = mremap(p, 8192, 16384, MREMAP_MAYMOVE);
    munmap(p, 16384);
    msync((void *)0x1000, 4096, MS_SYNC);
    mmap(0, 0, PROT_READ, MAP_SHARED, 0, 0);
    mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 99, 4096);
    int fd = open("/etc/passwd", O_RDONLY);
    mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_POPULATE | MAP_NORESERVE, fd, 0);
    mmap((void *)0x10000000, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    int m = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    fcntl(m, F_GET_SEALS);
    return 0;
}
