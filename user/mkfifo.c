// SPDX-License-Identifier: MIT
//
// mkfifo: make FIFOs, pipes with a name.

#include "user/ulib.h"
#include "user/user.h"

static long
make(const char *path)
{
  return sys_mknod(path, S_IFIFO | 0666, 0);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "mkfifo name ..." };

  option(&o);
  return each_operand(&o, make);
}
