/* Calls on files and descriptors, with arguments that a trace has to take apart. Run in an empty directory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int main(void) {
    struct stat st;
    char b[100] = {0};
    stat("/etc/passwd", &st);
    stat("/nonexistent", &st);
    lstat("/dev/null", &st);
    int fd = open("x", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | 0100000000, 0644);
    write(fd, "hello \"w\"\n\t\\\1\0012\x80 abc", 18);
    write(fd, "0123456789012345678901234567890123456789", 40);
    lseek(fd, 0, SEEK_SET);
    read(fd, b, 100);
    read(fd, b, 100);
    read(99, b, 100);
    struct iovec v[2] = {{b, 5}, {b + 5, 60}};
    writev(fd, v, 2);
    lseek(fd, 0, SEEK_SET);
    readv(fd, v, 2);
    pread(fd, b, 10, 3);
    pwrite(fd, b, 3, 1L << 33);
    ftruncate(fd, 0);
    fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
    fcntl(fd, F_GETFD);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_DUPFD_CLOEXEC, 10);
    fcntl(fd, F_DUPFD, 5);
    fcntl(fd, 0x309, 1);
    struct flock fl = {F_WRLCK, SEEK_SET, 0, 10};
    fcntl(fd, F_SETLK, &fl);
    fcntl(fd, F_GETLK, &fl);
    flock(fd, LOCK_EX | LOCK_NB);
    int p[2];
    pipe(p);
    pipe2(p, O_CLOEXEC | O_NONBLOCK);
    dup2(fd, 20);
    dup3(fd, 21, O_CLOEXEC);
    access("/etc", R_OK | X_OK);
    access("/etc/x", F_OK);
    mkdir("d", 0755);
    rmdir("d");
    unlinkat(AT_FDCWD, "q", AT_REMOVEDIR);
    rename("/nope", "/nope2");
    renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE);
    link("/nope", "/x");
    symlink("t", "ln");
    readlink("ln", b, 100);
    unlink("ln");
    chmod("x", 04755);
    fchmod(fd, 0600);
    umask(022);
    utimensat(AT_FDCWD, "x", 0, 0);
    struct timespec t[2] = {{0, UTIME_NOW}, {1, UTIME_OMIT}};
    utimensat(AT_FDCWD, "x", t, AT_SYMLINK_NOFOLLOW);
    t[0] = (struct timespec){1700000000, 5};
    t[1] = (struct timespec){5, 6};
    futimens(fd, t);
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    syscall(SYS_getdents64, dir, b, 100);
    syscall(SYS_getdents64, dir, b, 10);
    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    off_t offset = 0;
    pwrite(fd, "0123456789", 10, 0);
    sendfile(p[1], fd, &offset, 10);
    open("", O_RDONLY);
    open((char *)1, O_WRONLY);
    creat("y", 0600);
    linkat(AT_FDCWD, "/a", AT_FDCWD, "/b", AT_SYMLINK_FOLLOW);
    fchownat(AT_FDCWD, "/nope", 1, 2, AT_SYMLINK_NOFOLLOW);
    ioctl: syscall(SYS_ioctl, fd, 0x1234, 5);
    syscall(SYS_ioctl, fd, 0xdeadbeef, 1);
    syscall(SYS_close_range, 30, -1, 0);
    unlink("x");
    unlink("y");
    close(fd);
    return 0;
}
