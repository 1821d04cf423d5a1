// Ids of System V objects go round: one that was removed is not given again soon (ipc/util.c of the kernel).
#include <errno.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define MANY 100

static int shm(void) {
  int id = shmget(IPC_PRIVATE, 100, 0600);
  shmctl(id, IPC_RMID, NULL);
  return id;
}
static int msg(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  msgctl(id, IPC_RMID, NULL);
  return id;
}
static int sem(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  semctl(id, 0, IPC_RMID);
  return id;
}

static void show(const char *what, int (*make)(void)) {
  int seen[MANY], again = 0;
  for (int i = 0; i < MANY; i++) {
    int id = make();
    for (int k = 0; k < i; k++) again += seen[k] == id;
    seen[i] = id;
  }
  printf("%s: again %d times, index again %d\n", what, again, seen[0] % 32768 == seen[1] % 32768);
}

int main(void) {
  show("shm", shm);
  show("msg", msg);
  show("sem", sem);
  int id = shm();
  printf("removed: %d", shmctl(id, IPC_STAT, &(struct shmid_ds){0}));
  printf(" %d\n", errno == EINVAL);
  return 0;
}
