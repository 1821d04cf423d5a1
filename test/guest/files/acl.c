// POSIX access lists: what is taken, how list and mode follow each other, what is inherited, and who may do what.
#include "check.h"

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

struct entry {
  unsigned short tag, perm;
  unsigned id;
};
enum { OWNER = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32, NOBODY = -1 };

static struct {
  unsigned version;
  struct entry e[16];
} value = {2};
static int size;

static void fill(int n, const struct entry *e) {
  memcpy(value.e, e, n * sizeof *e);
  size = 4 + n * sizeof *e;
}
#define LIST(...) fill(sizeof((struct entry[]){__VA_ARGS__}) / sizeof(struct entry), (struct entry[]){__VA_ARGS__})

static void acls(const char *path) {
  struct stat st;
  stat(path, &st);
  printf("%s %04o\n", path, st.st_mode & 07777);
  for (int i = 0; i < 2; i++) {
    unsigned b[64];
    int n = getxattr(path, i ? DEFAULT : ACCESS, b, sizeof b);
    if (n < 0) {
      printf("  %s\n", error_name());
      continue;
    }
    printf("  version %u", b[0]);
    for (int k = 1; k < n / 4; k += 2) printf(" %x:%x:%d", b[k] & 0xffff, b[k] >> 16, (int)b[k + 1]);
    printf("\n");
  }
}

// What another user may do with a file.
static void as(int uid, int gid, const char *path) {
  fflush(stdout);
  if (fork() == 0) {
    setgroups(0, 0);
    setresgid(gid, gid, gid);
    setresuid(uid, uid, uid);
    printf("%d:%d %s:", uid, gid, path);
    for (int want = 1; want < 8; want++) printf(" %d", access(path, want) == 0);
    int fd = open(path, O_RDWR);
    printf(" open %s", fd < 0 ? error_name() : "ok");
    printf(" set %s\n", setxattr(path, ACCESS, &value, size, 0) < 0 ? error_name() : "ok");
    exit(0);
  }
  wait(0);
}

int main(void) {
  start();
  char b[200];
  umask(022);
  chmod(".", 0755);
  make("f", "1");
  T(getxattr("f", ACCESS, b, 200));
  T(getxattr("f", DEFAULT, b, 200));

  puts("-- bad ones");
  LIST({OWNER, 6, -1}, {GROUP_OBJ, 4, -1}, {OTHER, 4, -1});
  T(setxattr("f", ACCESS, &value, 3, 0));
  T(setxattr("f", ACCESS, &value, size - 1, 0));
  T(setxattr("f", ACCESS, &value, size - 8, 0));
  value.version = 1;
  T(setxattr("f", ACCESS, &value, size, 0));
  value.version = 2;
  T(setxattr("f", "system.posix_acl", &value, size, 0));
  T(setxattr("f", DEFAULT, &value, size, 0));
  T(setxattr("f", DEFAULT, &value, 4, 0));
  LIST({OWNER, 6, -1}, {USER, 6, 7}, {GROUP_OBJ, 4, -1}, {OTHER, 4, -1});
  T(setxattr("f", ACCESS, &value, size, 0));
  LIST({OWNER, 6, -1}, {GROUP_OBJ, 4, -1}, {USER, 6, 7}, {MASK, 7, -1}, {OTHER, 4, -1});
  T(setxattr("f", ACCESS, &value, size, 0));
  LIST({OWNER, 6, -1}, {USER, 6, -1}, {GROUP_OBJ, 4, -1}, {MASK, 7, -1}, {OTHER, 4, -1});
  T(setxattr("f", ACCESS, &value, size, 0));
  LIST({OWNER, 8, -1}, {GROUP_OBJ, 4, -1}, {OTHER, 4, -1});
  T(setxattr("f", ACCESS, &value, size, 0));
  LIST({OWNER, 6, -1}, {GROUP_OBJ, 4, -1}, {3, 4, -1}, {OTHER, 4, -1});
  T(setxattr("f", ACCESS, &value, size, 0));
  T(listxattr("f", b, 200));

  puts("-- minimal: the mode alone");
  LIST({OWNER, 7, -1}, {GROUP_OBJ, 1, -1}, {OTHER, 2, -1});
  T(setxattr("f", ACCESS, &value, size, 0));
  acls("f");

  puts("-- named entries");
  LIST({OWNER, 6, 5}, {USER, 6, 1000}, {USER, 0, 1001}, {GROUP_OBJ, 4, 9}, {GROUP, 7, 2000}, {MASK, 6, 0}, {OTHER, 4, 0});
  T(setxattr("f", ACCESS, &value, size, XATTR_REPLACE));
  acls("f");
  T(listxattr("f", b, 200));
  T(getxattr("f", ACCESS, b, 20));
  as(1000, 1000, "f");
  as(1001, 2000, "f");
  as(1002, 2000, "f");
  as(1002, 0, "f");
  as(1002, 1002, "f");
  puts("-- chmod sets the mask");
  chmod("f", 0741);
  acls("f");
  as(1000, 1000, "f");
  chmod("f", 0707);
  acls("f");
  as(1000, 1000, "f");
  as(1001, 1, "f");
  T(removexattr("f", ACCESS));
  T(removexattr("f", ACCESS));
  acls("f");

  puts("-- symbolic links");
  symlink("f", "l");
  T(lgetxattr("l", ACCESS, b, 200));
  T(lsetxattr("l", ACCESS, &value, size, 0));
  T(llistxattr("l", b, 200));

  puts("-- inherited");
  mkdir("d", 0755);
  LIST({OWNER, 7, -1}, {USER, 5, 1000}, {GROUP_OBJ, 5, -1}, {MASK, 7, -1}, {OTHER, 0, -1});
  T(setxattr("d", DEFAULT, &value, size, 0));
  acls("d");
  make("d/made", "1");
  acls("d/made");
  close(open("d/narrow", O_CREAT | O_WRONLY, 0620));
  acls("d/narrow");
  mkdir("d/sub", 0750);
  acls("d/sub");
  mkfifo("d/fifo", 0666);
  acls("d/fifo");
  symlink("made", "d/link");
  T(llistxattr("d/link", b, 200));
  LIST({OWNER, 6, -1}, {GROUP_OBJ, 6, -1}, {OTHER, 2, -1});
  T(setxattr("d", DEFAULT, &value, size, 0));
  umask(077);
  make("d/plain", "1");
  acls("d/plain");
  T(removexattr("d", DEFAULT));
  make("d/masked", "1");
  acls("d/masked");
  rename("d/made", "moved");
  acls("moved");
  return finish();
}
