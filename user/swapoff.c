// SPDX-License-Identifier: MIT
//
// swapoff: bring everything back from swap areas and let go of them.  When memory
// has no room for it, they stay in use.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "swapoff device ..." };

  option(&o);
  return each_operand(&o, sys_swapoff);
}
