// SPDX-License-Identifier: MIT
//
// Uses all the time it gets.

#include "kernel/types.h"
#include "user/user.h"

int
main(void)
{
  for(;;)
    ;
}
