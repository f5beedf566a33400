// SPDX-License-Identifier: MIT
//
// ticker MIB LINES: a walk over so much memory, each step of which depends on all before it,
// and which stays in one part for a moment; a line four times a second says how far it is.

#include "user/sys.h"
#include "user/user.h"

enum { PARTS = 5, STEPS = 4000, PART = 131072 };     // of a line; words

int
main(int argc, char **argv)
{
  uint64 words = argc == 3 ? atoi(argv[1]) * 131072UL : 0, h = 1;
  int lines = argc == 3 ? atoi(argv[2]) : 0;
  uint64 *table = malloc(words * sizeof *table);
  struct timespec pause = { 0, 50000000 };

  if(words == 0 || !table){
    fprintf(2, "usage: ticker mib lines\n");
    exit(1);
  }
  for(uint64 i = 0; i < words; i++)
    table[i] = i;
  for(int line = 1; line <= lines; line++){
    for(int k = 0; k < PARTS; k++){
      uint64 *part = &table[(h >> 32) % (words / PART) * PART];
      for(int i = 0; i < STEPS; i++){
        uint64 *at = &part[(h >> 32) % PART];
        h = h * 6364136223846793005UL + *at;
        *at = h;
      }
      sys_nanosleep(&pause, NULL);
    }
    printf("\rticker: line %d of %d, %lx\n", line, lines, h);
  }
  return 0;
}
