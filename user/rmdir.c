// SPDX-License-Identifier: MIT
//
// rmdir: remove empty directories.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "rmdir directory ..." };

  option(&o);
  return each_operand(&o, sys_rmdir);
}
