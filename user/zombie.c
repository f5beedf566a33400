// SPDX-License-Identifier: MIT
//
// zombie: leave a child that has ended to init.

#include "kernel/types.h"
#include "user/user.h"

int
main(void)
{
  if(fork() > 0)
    pause(5);                  // the child ends first
  return 0;
}
