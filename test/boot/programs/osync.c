// SPDX-License-Identifier: MIT
//
// osync: a new file, written through to the disk.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  enum { SYNC = 04010000 };
  int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CREATE | SYNC) : -1;
  if(fd < 0 || write(fd, "on the disk\n", 12) != 12)
    die("usage: osync FILE");
  return 0;
}
