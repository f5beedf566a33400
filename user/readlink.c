// SPDX-License-Identifier: MIT
//
// readlink: where symbolic links lead to.

#include "user/ulib.h"
#include "user/user.h"

static long
put(const char *path)
{
  static char text[4096];
  long n = sys_readlink(path, text, sizeof text);

  if(n >= 0)
    out("%.*s\n", (int)n, text);
  return n;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "readlink name ..." };

  option(&o);
  return each_operand(&o, put);
}
