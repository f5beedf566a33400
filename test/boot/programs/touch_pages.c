// SPDX-License-Identifier: MIT
//
// Makes the references named on the command line, in this order: pages of a region at
// 0x40000000, with w behind those to store to.

#include "user/abi.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGES = 64 };

int
main(int argc, char **argv)
{
  volatile char *region = mmap((void *)0x40000000, PAGES * 4096L, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if(region != (void *)0x40000000)
    die("no region");
  for(int i = 1; i < argc; i++){
    volatile char *p = region + 4096L * atoi(argv[i]);
    if(argv[i][strlen(argv[i]) - 1] == 'w')
      *p = 1;
    else
      (void)*p;
  }
  return 3;
}
