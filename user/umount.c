// SPDX-License-Identifier: MIT
//
// umount: take file systems off the directories that they are mounted on.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "umount directory ..." };

  option(&o);
  return each_operand(&o, sys_umount);
}
