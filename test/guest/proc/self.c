// /proc/self: formats, links, what can be written, and agreement with other calls.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 20];
static ssize_t slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -errno;
  ssize_t n = 0, r;
  while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0) n += r;
  close(fd);
  if (r < 0) return -errno;
  text[n] = 0;
  return n;
}
#define CHECK(what, ok) printf("%s: %s\n", what, (ok) ? "yes" : "NO")
static void attempt(const char *what, long r) { printf("%s: %s\n", what, r < 0 ? strerror(errno) : "done"); }
static char *field(const char *key) {
  static char value[256];
  char *at = strstr(text, key);
  if (!at) return "(absent)";
  sscanf(at + strlen(key), "%*[ \t]%255[^\n]", value);
  return value;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  char buf[PATH_MAX], other[PATH_MAX];
  char want[64];
  ssize_t n = readlink("/proc/self", buf, sizeof buf);
  buf[n] = 0;
  CHECK("self is the pid", atoi(buf) == getpid());
  struct stat st;
  lstat("/proc/self", &st);
  printf("self: mode %o size %d\n", st.st_mode, (int)st.st_size);
  n = readlink("/proc/thread-self", buf, sizeof buf);
  buf[n] = 0;
  snprintf(want, sizeof want, "%d/task/%d", getpid(), gettid());
  CHECK("thread-self", strcmp(buf, want) == 0);

  CHECK("stat", slurp("/proc/self/stat") > 0);
  int pid, ppid, pgrp, session, ttynr, tpgid;
  char comm[64], state;
  sscanf(text, "%d (%63[^)]) %c %d %d %d %d %d", &pid, comm, &state, &ppid, &pgrp, &session, &ttynr, &tpgid);
  CHECK("stat ids", pid == getpid() && ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
  printf("stat state %c\n", state);
  int fields = 1;
  for (char *c = strrchr(text, ')'); *c; c++) fields += *c == ' ';
  printf("stat fields %d\n", fields + 1);
  CHECK("stat ends the line", text[strlen(text) - 1] == '\n');

  slurp("/proc/self/status");
  printf("Uid %s\nGid %s\nState %s\nThreads %s\n", field("Uid:"), field("Gid:"), field("State:"), field("Threads:"));
  umask(027);
  slurp("/proc/self/status");
  printf("Umask %s\nSigIgn %s\nNoNewPrivs %s\nSeccomp %s\n", field("Umask:"), field("SigIgn:"), field("NoNewPrivs:"), field("Seccomp:"));
  static const char *keys[] = {"Name:", "Tgid:", "Ngid:", "Pid:", "PPid:", "TracerPid:", "FDSize:", "Groups:", "NStgid:", "NSpid:", "NSpgid:", "NSsid:", "VmPeak:", "VmSize:", "VmLck:", "VmPin:", "VmHWM:", "VmRSS:", "RssAnon:", "RssFile:", "RssShmem:", "VmData:", "VmStk:", "VmExe:", "VmLib:", "VmPTE:", "VmSwap:", "HugetlbPages:", "CoreDumping:", "THP_enabled:", "SigQ:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigCgt:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "Seccomp_filters:", "Speculation_Store_Bypass:", "SpeculationIndirectBranch:", "Cpus_allowed:", "Cpus_allowed_list:", "Mems_allowed:", "Mems_allowed_list:", "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"};
  char *last = text;
  int inOrder = 1;
  for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
    char *at = strstr(text, keys[i]);
    if (!at || at < last) inOrder = 0, printf("status lacks %s\n", keys[i]);
    else last = at;
  }
  CHECK("status in order", inOrder);

  // comm: 15 characters, prctl and /proc agree.
  prctl(PR_SET_NAME, "by-prctl");
  slurp("/proc/self/comm");
  printf("comm %s", text);
  int fd = open("/proc/self/comm", O_WRONLY);
  attempt("write comm", write(fd, "a-very-long-name-indeed", 23));
  close(fd);
  prctl(PR_GET_NAME, buf);
  printf("name %s\n", buf);
  slurp("/proc/thread-self/stat");
  sscanf(text, "%*d (%63[^)])", comm);
  printf("stat name %s\n", comm);

  // Arguments and environment.
  n = slurp("/proc/self/cmdline");
  CHECK("cmdline", strcmp(text, argv[0]) == 0 && n == (ssize_t)strlen(argv[0]) + 1);
  argv[0][0] = '!';
  slurp("/proc/self/cmdline");
  CHECK("cmdline is live", text[0] == '!');
  n = slurp("/proc/self/environ");
  int found = 0;
  for (char *e = text; e < text + n; e += strlen(e) + 1) found |= strncmp(e, "PATH=", 5) == 0;
  CHECK("environ has PATH", found);
  n = slurp("/proc/self/auxv");
  unsigned long *aux = (unsigned long *)text, pagesz = 0;
  for (int i = 0; aux[i]; i += 2) if (aux[i] == AT_PAGESZ) pagesz = aux[i + 1];
  CHECK("auxv", n % 16 == 0 && pagesz == getauxval(AT_PAGESZ));

  // Links.
  n = readlink("/proc/self/exe", buf, sizeof buf);
  buf[n] = 0;
  struct stat a, b;
  CHECK("exe", stat("/proc/self/exe", &a) == 0 && stat(buf, &b) == 0 && a.st_ino == b.st_ino && (a.st_mode & 0111));
  n = readlink("/proc/self/cwd", buf, sizeof buf);
  buf[n] = 0;
  CHECK("cwd", strcmp(buf, getcwd(other, sizeof other)) == 0);
  n = readlink("/proc/self/root", buf, sizeof buf);
  buf[n] = 0;
  printf("root %s\n", buf);
  lstat("/proc/self/exe", &st);
  printf("exe: mode %o size %d\n", st.st_mode, (int)st.st_size);

  // Descriptors.
  int p[2];
  (void)!pipe(p);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", p[1]);
  n = readlink(path, buf, sizeof buf);
  buf[n] = 0;
  fstat(p[1], &st);
  snprintf(want, sizeof want, "pipe:[%lu]", (unsigned long)st.st_ino);
  CHECK("pipe's name", strcmp(buf, want) == 0);
  lstat(path, &st);
  printf("write end: mode %o size %d\n", st.st_mode, (int)st.st_size);
  fd = open(path, O_WRONLY | O_NONBLOCK);
  attempt("open through fd", fd);
  attempt("write", write(fd, "hi", 2));
  printf("read %zd\n", read(p[0], buf, 10));
  attempt("open the wrong way", open(path, O_RDONLY | O_NONBLOCK));
  close(fd);
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", p[0]);
  slurp(path);
  printf("fdinfo pos %s flags %s\n", field("pos:"), field("flags:"));
  fcntl(p[0], F_SETFD, FD_CLOEXEC);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  slurp(path);
  printf("fdinfo flags %s\n", field("flags:"));
  char temp[] = "/tmp/procXXXXXX";
  fd = mkstemp(temp);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  unlink(temp);
  n = readlink(path, buf, sizeof buf);
  buf[n] = 0;
  snprintf(other, sizeof other, "%s (deleted)", temp);
  CHECK("deleted file", strcmp(buf, other) == 0);
  (void)!write(fd, "data", 4);
  int again = open(path, O_RDONLY);
  printf("read it anew %zd\n", read(again, buf, 10));
  attempt("no such descriptor", open("/proc/self/fd/777", O_RDONLY));
  DIR *d = opendir("/proc/self/fd");
  int count = 0;
  for (struct dirent *e; (e = readdir(d));) count += e->d_name[0] != '.' && e->d_type == DT_LNK;
  printf("descriptors counted %d\n", count >= 6);
  closedir(d);

  // Memory.
  char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(map + 4096, 4096, PROT_READ);
  map[0] = 1;
  slurp("/proc/self/maps");
  snprintf(want, sizeof want, "%lx-%lx r--p 00000000 00:00 0 ", (unsigned long)map + 4096, (unsigned long)map + 8192);
  CHECK("maps", strstr(text, want) != NULL);
  CHECK("stack, heap, vdso", strstr(text, "  [stack]\n") && strstr(text, "  [heap]\n") && strstr(text, "  [vdso]\n"));
  char *line = strstr(text, "[stack]");
  while (line > text && line[-1] != '\n') line--;
  printf("names start in column %d\n", (int)(strstr(line, "[stack]") - line));
  slurp("/proc/self/smaps");
  CHECK("smaps", strstr(text, "\nSize:  ") && strstr(text, "\nVmFlags: ") && strstr(text, "\nPss_Dirty: "));
  slurp("/proc/self/smaps_rollup");
  CHECK("smaps_rollup", strstr(text, "[rollup]\nRss:     ") && strstr(text, "\nLocked:  "));
  int vals[7], got;
  slurp("/proc/self/statm");
  got = sscanf(text, "%d %d %d %d %d %d %d", vals, vals + 1, vals + 2, vals + 3, vals + 4, vals + 5, vals + 6);
  CHECK("statm", got == 7 && vals[0] >= vals[1] && vals[1] >= vals[2] && vals[3] > 0);
  fd = open("/proc/self/mem", O_RDWR);
  char c = 0;
  printf("mem read %zd %d\n", pread(fd, &c, 1, (off_t)map), c);
  printf("mem write %zd\n", pwrite(fd, "\7", 1, (off_t)map));
  printf("now %d\n", map[0]);
  attempt("mem of nothing", pread(fd, &c, 1, 4096));

  // Positions.
  fd = open("/proc/self/stat", O_RDONLY);
  n = read(fd, buf, 5);
  char first = buf[0];
  printf("short read %zd\n", n);
  lseek(fd, 0, SEEK_SET);
  (void)!read(fd, buf, 5);
  CHECK("again from the start", buf[0] == first);
  attempt("SEEK_END", lseek(fd, 0, SEEK_END));
  fstat(fd, &st);
  printf("stat: mode %o size %d\n", st.st_mode, (int)st.st_size);

  // What there is not.
  attempt("mkdir", mkdir("/proc/x", 0777));
  attempt("create", open("/proc/x", O_CREAT | O_WRONLY, 0666));
  attempt("unlink", unlink("/proc/self/stat"));
  attempt("no process", open("/proc/4111111/stat", O_RDONLY));
  attempt("leading zero", open("/proc/01/stat", O_RDONLY));

  // Children.
  pid_t child = fork();
  if (child == 0) pause();
  snprintf(path, sizeof path, "/proc/%d/stat", child);
  int cfd = open(path, O_RDONLY);
  kill(child, SIGKILL);
  siginfo_t si;
  waitid(P_PID, child, &si, WEXITED | WNOWAIT);
  slurp(path);
  sscanf(text, "%*d (%*[^)]) %c", &state);
  printf("zombie %c\n", state);
  snprintf(path, sizeof path, "/proc/%d/status", child);
  slurp(path);
  printf("State %s\nVmSize %s\n", field("State:"), field("VmSize:"));
  snprintf(path, sizeof path, "/proc/%d/cmdline", child);
  printf("zombie's cmdline %zd\n", slurp(path));
  snprintf(path, sizeof path, "/proc/%d/exe", child);
  attempt("zombie's exe", readlink(path, buf, sizeof buf));
  waitpid(child, NULL, 0);
  attempt("read of a dead one", read(cfd, buf, 5));
  attempt("open of a dead one", open(path, O_RDONLY));

  struct utsname u;
  uname(&u);
  slurp("/proc/sys/kernel/osrelease");
  CHECK("osrelease", strncmp(text, u.release, strlen(u.release)) == 0);
  slurp("/proc/sys/kernel/hostname");
  CHECK("hostname", strncmp(text, u.nodename, strlen(u.nodename)) == 0);
  char uuid1[40], uuid2[40];
  printf("uuid %zd\n", slurp("/proc/sys/kernel/random/uuid"));
  memcpy(uuid1, text, 37);
  slurp("/proc/sys/kernel/random/uuid");
  memcpy(uuid2, text, 37);
  CHECK("uuids differ", memcmp(uuid1, uuid2, 36) != 0 && uuid1[14] == '4');
  CHECK("uptime", slurp("/proc/uptime") > 0 && sscanf(text, "%*f %*f") == 0);
  CHECK("meminfo", slurp("/proc/meminfo") > 0 && strncmp(text, "MemTotal:     ", 14) == 0 && strstr(text, "\nMemAvailable: "));
  CHECK("cpuinfo", slurp("/proc/cpuinfo") > 0 && strncmp(text, "processor\t: 0\nvendor_id\t: ", 26) == 0 && strstr(text, "\nflags\t\t: fpu "));
  CHECK("online", slurp("/sys/devices/system/cpu/online") > 0 && text[0] == '0');
  CHECK("mounts", slurp("/proc/self/mounts") > 0 && strstr(text, "proc /proc proc rw,"));
  return 0;
}
