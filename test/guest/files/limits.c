// RLIMIT_FSIZE and RLIMIT_NOFILE.
#include "check.h"

static int caught;
static void on_signal(int s) {
  caught++;
  (void)s;
}

int main(void) {
  start();
  make("pub", "p");
  CHILD(struct rlimit r = {10, 10}; setrlimit(RLIMIT_FSIZE, &r); signal(SIGXFSZ, on_signal);
        int f = open("lim", O_CREAT | O_RDWR, 0600); T(write(f, "12345678901234", 14)); T(write(f, "x", 1));
        T(pwrite(f, "x", 1, 100)); T(ftruncate(f, 11)); T(ftruncate(f, 9)); T(ftruncate(f, 10));
        printf("xfsz %d\n", caught););
  CHILD(struct rlimit r = {10, 10}; setrlimit(RLIMIT_FSIZE, &r); int f = open("lim", O_RDWR);
        T(pwrite(f, "x", 1, 10)););
  CHILD(struct rlimit r = {6, 6}; setrlimit(RLIMIT_NOFILE, &r); for (int i = 3; i < 20; i++) close(i);
        T(open("pub", 0)); T(dup(0)); T(open("pub", 0)); T(open("pub", 0)); T(dup(0)); T(dup2(0, 6));
        T(dup2(0, 5)); T(fcntl(0, F_DUPFD, 6)); int q[2]; T(pipe(q)); close(5); T(pipe(q)); close(4);
        T(pipe(q)););

  return finish();
}
