// cc: -static
// execve and execveat: what they run, what the program is given, and every way they fail.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *me;
static char *argv_child[] = {"name", "child", "x", NULL};
static char *env_child[] = {"FOO=bar", NULL};
static char image[1 << 20];
static int image_size;

static void put(const char *name, const void *bytes, int n, int mode) {
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  write(fd, bytes, n);
  fchmod(fd, mode);
  close(fd);
}
#define SCRIPT(name, text) put(name, text, sizeof text - 1, 0755)

// The test runs in a child; what it leaves is either its new program's output, or the error.
static void check(const char *what, int (*test)(void)) {
  fflush(stdout);
  int pid = fork(), status;
  if (pid == 0) {
    errno = 0;
    int r = test();
    printf("%s: %d %s\n", what, r, strerrorname_np(errno));
    fflush(stdout);
    _exit(7);
  }
  waitpid(pid, &status, 0);
  printf("%s ends with %x\n", what, status);
}
#define CHECK(name, ...)                                 \
  static int name(void) { __VA_ARGS__; }                 \
  __attribute__((unused)) static const int use_##name = 0;

static int run(const char *file) { return execve(file, argv_child, env_child); }
static int run_at(int fd, const char *file, int flags) {
  return (int)syscall(SYS_execveat, fd, file, argv_child, env_child, flags);
}
static void *sleeper(void *x) {
  sleep(100);
  return x;
}
static void *runner(void *x) {
  run(me);
  return x;
}
static void nothing(int signo) { (void)signo; }

CHECK(plain, return run(me))
CHECK(directory, return run("."))
CHECK(missing, return run("nonexistent"))
CHECK(empty_name, return run(""))
CHECK(null_name, return run(NULL))
CHECK(bad_argv, return execve(me, (char **)8, env_child))
CHECK(bad_string, char *a[] = {"x", (char *)8, NULL}; return execve(me, a, env_child))
CHECK(text, return run("./t_text"))
CHECK(empty_file, return run("./t_empty"))
CHECK(not_executable, return run("./t_plain"))
CHECK(script, return run("./t_script"))
CHECK(script_argument, return run("./t_blanks"))
CHECK(script_lost, return run("./t_lost"))
CHECK(script_loop, return run("./t_loop"))
CHECK(truncated, return run("./t_truncated"))
CHECK(other_machine, return run("./t_arm"))
CHECK(by_descriptor, return run_at(open(me, O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH))
CHECK(by_descriptor_unflagged, return run_at(open(me, O_RDONLY), "", 0))
CHECK(script_by_closing_descriptor, return run_at(open("t_script", O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH))
CHECK(link_not_followed, symlink(me, "t_link"); return run_at(AT_FDCWD, "t_link", AT_SYMLINK_NOFOLLOW))
CHECK(link_followed, symlink(me, "t_link"); return run_at(AT_FDCWD, "t_link", 0))
CHECK(bad_flag, return run_at(AT_FDCWD, me, 1))
CHECK(string_too_long, char *b = malloc(200000); memset(b, 'a', 199999); b[199999] = 0;
      char *a[] = {"x", b, NULL}; return execve(me, a, env_child))
CHECK(too_many, static char *a[40001]; for (int i = 0; i < 40000; i++)
          a[i] = "0123456789012345678901234567890123456789012345678901234567890123456789";
      return execve(me, a, env_child))
CHECK(busy, if (open("t_copy", O_WRONLY) < 0) return 0; return run("./t_copy"))
CHECK(busy_script, if (open("t_script", O_WRONLY) < 0) return 0; return run("./t_script"))
CHECK(among_threads, pthread_t t; for (int i = 0; i < 3; i++) pthread_create(&t, NULL, sleeper, NULL);
      return run(me))
CHECK(from_a_thread, pthread_t t; pthread_create(&t, NULL, sleeper, NULL);
      pthread_create(&t, NULL, runner, NULL); sleep(50); return 0)
CHECK(signals, signal(SIGUSR1, nothing); signal(SIGUSR2, SIG_IGN); sigset_t m; sigemptyset(&m);
      sigaddset(&m, SIGTERM); sigprocmask(SIG_BLOCK, &m, NULL); raise(SIGTERM);
      char *a[] = {"x", "signals", NULL}; return execve(me, a, env_child))
CHECK(descriptors, char keep[20]; char gone[20]; sprintf(keep, "%d", open("/dev/null", O_RDONLY));
      sprintf(gone, "%d", open("/dev/null", O_RDONLY | O_CLOEXEC));
      char *a[] = {"x", "descriptors", keep, gone, NULL}; return execve(me, a, env_child))
CHECK(memory_file, int fd = memfd_create("prog", MFD_CLOEXEC); write(fd, image, image_size);
      return run_at(fd, "", AT_EMPTY_PATH))
CHECK(after_vfork, int pid = vfork(); if (pid == 0) {
  run(me);
  _exit(1);
} int status; waitpid(pid, &status, 0); printf("vfork's child: %x\n", status); fflush(stdout); _exit(0))

static int child(int argc, char **argv) {
  if (strncmp(argv[1], "child", 5) == 0) {
    char comm[16];
    prctl(PR_GET_NAME, comm);
    const char *file = (const char *)getauxval(AT_EXECFN);
    printf("%d arguments, 0 %s, 1 '%s', env %s, executed %s, leader %d, aligned %d\n", argc,
           strcmp(argv[0], me) == 0 ? "me" : argv[0], argv[1], getenv("FOO"), strcmp(file, me) == 0 ? "me" : file,
           getpid() == gettid(), ((long)argv & 7) == 0);
    printf("%s\n", strncmp(comm, "exec", 4) == 0 ? "exec" : comm);
    return 3;
  }
  if (strcmp(argv[1], "signals") == 0) {
    struct sigaction one, two;
    sigset_t mask, pending;
    sigaction(SIGUSR1, NULL, &one);
    sigaction(SIGUSR2, NULL, &two);
    sigprocmask(0, NULL, &mask);
    sigpending(&pending);
    printf("%d %d %d %d\n", one.sa_handler == SIG_DFL, two.sa_handler == SIG_IGN, sigismember(&mask, SIGTERM),
           sigismember(&pending, SIGTERM));
    return 0;
  }
  printf("%d %d\n", fcntl(atoi(argv[2]), F_GETFD), fcntl(atoi(argv[3]), F_GETFD));
  return 0;
}

int main(int argc, char **argv) {
  me = (const char *)getauxval(AT_EXECFN);
  if (argc > 1) return child(argc, argv);
  image_size = (int)read(open(me, O_RDONLY), image, sizeof image);
  char dir[] = "execXXXXXX";
  mkdtemp(dir);
  chdir(dir);
  // Scripts name their interpreter relatively: the line must not be longer than a kernel reads.
  symlink(me, "prog");
  SCRIPT("t_text", "hello\n");
  SCRIPT("t_empty", "");
  put("t_plain", "#!/bin/sh\n", 10, 0644);
  SCRIPT("t_script", "#!./prog child\n");
  SCRIPT("t_blanks", "#! ./prog  child  a b \t\n");
  SCRIPT("t_lost", "#!/nowhere/x\n");
  SCRIPT("t_loop", "#!./t_loop\n");
  put("t_truncated", image, 100, 0755);
  put("t_copy", image, image_size, 0755);
  image[18] = (char)183;
  put("t_arm", image, image_size, 0755);
  image[18] = 62;
#define RUN(name) check(#name, name)
  RUN(plain);
  RUN(directory);
  RUN(missing);
  RUN(empty_name);
  RUN(null_name);
  RUN(bad_argv);
  RUN(bad_string);
  RUN(text);
  RUN(empty_file);
  RUN(not_executable);
  RUN(script);
  RUN(script_argument);
  RUN(script_lost);
  RUN(script_loop);
  RUN(truncated);
  RUN(other_machine);
  RUN(by_descriptor);
  RUN(by_descriptor_unflagged);
  RUN(script_by_closing_descriptor);
  RUN(link_not_followed);
  RUN(link_followed);
  RUN(bad_flag);
  RUN(string_too_long);
  RUN(too_many);
  RUN(busy);
  RUN(busy_script);
  RUN(among_threads);
  RUN(from_a_thread);
  RUN(signals);
  RUN(descriptors);
  RUN(memory_file);
  RUN(after_vfork);
  int r = open(me, O_WRONLY);
  printf("writing to a running program: %d %s\n", r, strerrorname_np(errno));
  const char *made[] = {"prog",   "t_text", "t_empty",     "t_plain", "t_script", "t_blanks",
                        "t_lost", "t_loop", "t_truncated", "t_copy",  "t_arm",    "t_link"};
  for (unsigned i = 0; i < sizeof made / sizeof *made; i++) unlink(made[i]);
  chdir("..");
  return rmdir(dir);
}
