// System V shared memory: errors, attaching, forking, removal.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(call)                                                                    \
  do {                                                                                \
    errno = 0;                                                                        \
    long got = (long)(call);                                                          \
    printf("%s: %s\n", #call, got == -1 ? strerror(errno) : got == 0 ? "0" : "some"); \
  } while (0)

int main(void) {
  setbuf(stdout, NULL);
  key_t key = 0x4b000000 | (getppid() & 0xffffff);
  int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
  SHOW(shmget(key, 100, 0));
  int named = shmget(key, 100, IPC_CREAT | 0600);
  SHOW(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600));
  SHOW(shmget(key, 101, 0));
  SHOW(shmget(key, 100, 0) - named);
  SHOW(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
  char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
  strcpy(p, "shared");
  puts(q);
  SHOW(shmat(id, (void *)123, 0));
  SHOW(shmat(0x7fffffff, NULL, 0));
  SHOW(shmat(id, p, 0));
  SHOW(shmat(id, NULL, SHM_REMAP));
  struct shmid_ds ds;
  SHOW(shmctl(id, IPC_STAT, &ds));
  printf("%zu bytes, %lu attached, mode %o, mine %d\n", ds.shm_segsz, (unsigned long)ds.shm_nattch,
         ds.shm_perm.mode, ds.shm_cpid == getpid());
  if (fork() == 0) {
    strcpy(p + 5000, "by the child");
    shmctl(id, IPC_STAT, &ds);
    printf("in the child %lu attached\n", (unsigned long)ds.shm_nattch);
    _exit(0);
  }
  wait(NULL);
  puts(q + 5000);
  SHOW(shmctl(id, IPC_RMID, NULL));
  SHOW(shmctl(id, IPC_STAT, &ds));
  printf("mode %o, %lu attached\n", ds.shm_perm.mode, (unsigned long)ds.shm_nattch);
  SHOW(shmdt(p));
  SHOW(shmdt(p));
  SHOW(shmdt(q));
  SHOW(shmctl(id, IPC_STAT, &ds));
  SHOW(shmctl(named, IPC_RMID, NULL));
  SHOW(shmctl(named, 77, NULL));
  return 0;
}
