// SPDX-License-Identifier: MIT
//
// Takes memory: MIB of it, or without a number all there is.  Touches every
// page, says so, and with -w stays until killed.

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"
#include "user/abi.h"

enum { PAGE = 4096, MIB = 1 << 20 };

static int
take(void)
{
  char *p = mmap(0, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if(p == (char *)-1)
    return -1;
  for(int i = 0; i < MIB; i += PAGE)
    p[i] = 1;
  return 0;
}

int
main(int argc, char *argv[])
{
  int stay = argc > 1 && strcmp(argv[1], "-w") == 0;
  int most = argc > 1 + stay ? atoi(argv[1 + stay]) : 1 << 30;
  int n = 0;
  while(n < most && take() == 0)
    n++;
  printf("hog: took %d MiB\n", n);
  while(stay)
    sleep(100);
  exit(n == most ? 0 : 1);
}
