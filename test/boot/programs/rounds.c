// SPDX-License-Identifier: MIT
//
// rounds PAGES ROUNDS: loads from each page of a region in order, round and round.

#include "user/abi.h"
#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  int pages = argc == 3 ? atoi(argv[1]) : 0, rounds = argc == 3 ? atoi(argv[2]) : 0;
  volatile char *region = mmap(NULL, (pages + 1) * 4096L, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if(pages == 0 || region == (void *)-1)
    die("no region");
  while(rounds-- > 0)
    for(int i = 0; i < pages; i++)
      (void)region[4096L * i];
  return 0;
}
