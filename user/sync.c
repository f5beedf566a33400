// SPDX-License-Identifier: MIT
//
// sync: write everything that waits to be written to the disks.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "sync" };

  option(&o);
  if(o.at != argc)
    usage(&o);
  sys_sync();
  return 0;
}
