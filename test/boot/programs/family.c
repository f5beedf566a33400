// SPDX-License-Identifier: MIT
//
// A parent and a child that share some pages at 0x40000000 and not others: both wrote to
// them, the child to the first few only.  Says both numbers, then waits to be killed.

#include "user/abi.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGES = 32, OWN = 8 };

static void
store_to(volatile char *region, int pages)
{
  for(int i = 0; i < pages; i++)
    region[4096L * i] = 1;
}

int
main(void)
{
  volatile char *region = mmap((void *)0x40000000, PAGES * 4096L, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if(region != (void *)0x40000000)
    die("no region");
  store_to(region, PAGES);
  int parent = getpid();
  if(fork() == 0){
    store_to(region, OWN);
    out("family %d %d\n", parent, getpid());
    out_flush();
  }
  for(;;)
    pause(100);
}
