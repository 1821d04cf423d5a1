// Ways out of a folder, a chroot and the machine, as root of the guest. argv[1] is the shared folder; the host has
// a file "secret" beside it, and every path that could lead there is tried.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void peek(const char *path) {
  char b[200] = "";
  int fd = open(path, O_RDONLY);
  if (fd < 0) return;
  int n = read(fd, b, sizeof b - 1);
  if (n > 0 && strstr(b, "SECRET")) printf("LEAK through %s\n", path);
  close(fd);
}
static void put(const char *what, int r) { printf("%s: %d\n", what, r < 0 ? errno : 0); }

int main(int argc, char **argv) {
  char path[4096];
  chdir(argv[1]);
  // Links that the guest makes, and links that the host has put there.
  symlink("../secret", "up");
  symlink("../../../../../../../../../../proc/self/root/secret", "far");
  peek("up"); peek("far"); peek("hostup"); peek("hostabs"); peek("hostdir/secret");
  peek("../secret"); peek("../../secret");
  int dir = open(".", O_DIRECTORY);
  for (int up = 1; up < 12; up++) {
    int n = sprintf(path, "/proc/self/fd/%d", dir);
    for (int i = 0; i < up; i++) n += sprintf(path + n, "/..");
    strcpy(path + n, "/secret");
    peek(path);
    sprintf(path, "/proc/%d/cwd/../secret", getpid());
    peek(path);
    peek("/proc/self/root/../secret");
  }
  // Names that would lead up if they were handed on.
  put("mkdir ..", mkdirat(dir, "..", 0777));
  put("rmdir ..", unlinkat(dir, "..", AT_REMOVEDIR));
  put("rmdir .", unlinkat(dir, ".", AT_REMOVEDIR));
  put("unlink ..", unlinkat(dir, "..", 0));
  put("rename to ..", renameat(dir, "file", dir, ".."));
  put("rename from ..", renameat(dir, "..", dir, "x"));
  put("symlink ..", symlinkat("x", dir, ".."));
  put("link to ..", linkat(dir, "file", dir, "..", 0));
  put("create ..", openat(dir, "..", O_CREAT | O_WRONLY, 0666));
  put("link out", linkat(dir, "file", AT_FDCWD, "/tmp/file", 0));
  put("rename out", renameat(dir, "file", AT_FDCWD, "/tmp/file"));
  // Devices: nodes are made in memory only, and lead nowhere.
  mknod("disk", S_IFBLK | 0666, makedev(8, 0));
  printf("open disk there: %s\n", open("disk", O_RDONLY) < 0 ? "refused" : "OPEN");
  int made = mknod("/root/disk", S_IFBLK | 0666, makedev(8, 0));
  printf("open disk: %s\n", open("/root/disk", O_RDONLY) < 0 ? "refused" : "OPEN");
  mknod("/root/mem", S_IFCHR | 0666, makedev(1, 1));
  printf("open mem: %s\n", open("/root/mem", O_RDONLY) < 0 ? "refused" : "OPEN");
  printf("open hostdevice: %s\n", open("hostnull", O_RDWR) < 0 ? "refused" : "OPEN");
  printf("open kmsg, port: %d\n", open("/dev/kmsg", O_RDONLY) >= 0 || open("/dev/port", O_RDWR) >= 0);
  // Mounts.
  put("mount bind", mount("/", "/mnt", 0, MS_BIND, 0));
  put("mount proc", mount("proc", "/mnt", "proc", 0, 0));
  put("mount disk", mount("/root/disk", "/mnt", "ext4", 0, 0));
  put("remount", mount("none", argv[1], 0, MS_REMOUNT, 0));
  put("umount", umount2(argv[1], MNT_DETACH));
  put("pivot_root", syscall(SYS_pivot_root, "/mnt", "/mnt"));
  put("unshare", syscall(SYS_unshare, 0x00020000));
  put("by handle", syscall(SYS_open_by_handle_at, -100, path, 0));
  // The classic: a descriptor outside, chroot deeper, and up. It reaches the machine's root, never more.
  struct stat top, here;
  stat("/", &top);
  mkdir("/tmp/jail", 0700);
  int out = open("/", O_RDONLY);
  if (chroot("/tmp/jail") == 0) {
    fchdir(out);
    for (int i = 0; i < 64; i++) chdir("..");
    chroot(".");
    peek("/secret");
    stat("/", &here);
    printf("top: %d\n", here.st_dev == top.st_dev && here.st_ino == top.st_ino);
  }
  puts("done");
}
