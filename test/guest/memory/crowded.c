// A page of many small functions that jump on into each other, each rewritten in turn and called at once.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
int main(void) {
  unsigned char *p = mmap(0, 8192, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned sum = 0;
  for (int round = 0; round < 40; round++) {
    for (int i = 0; i < 200; i++) {
      unsigned char *f = p + i * 16;
      int v = round * 1000 + i;
      f[0] = 0xb8; memcpy(f + 1, &v, 4);            /* mov eax, v */
      if (i + 1 < 200 && i % 3 != 2) { f[5] = 0x01; f[6] = 0xc7; f[7] = 0xeb; f[8] = 7; } /* add edi,eax; jmp next */
      else { f[5] = 0x8d; f[6] = 0x04; f[7] = 0x38; f[8] = 0xc3; }                        /* lea eax,[rax+rdi]; ret */
      if (round > 0 && i % 7 == round % 7) sum = sum * 31 + ((unsigned (*)(unsigned))(void *)f)(round);
    }
    for (int k = 0; k < 3; k++)
      for (int i = 0; i < 200; i++) sum = sum * 31 + ((unsigned (*)(unsigned))(void *)(p + i * 16))(i);
  }
  printf("%u\n", sum);
  return 0;
}
