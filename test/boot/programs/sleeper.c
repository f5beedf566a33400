// SPDX-License-Identifier: MIT
//
// Use so many MiB, then read a file to its end: with a slow disk a sleep that nothing ends.
//
//   sleeper MIB FILE

#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, MIB = 1 << 20 };

int
main(int argc, char **argv)
{
  static char buf[PAGE];
  long mib, n;
  if(argc != 3 || !parse_size(argv[1], &mib))
    die("usage: sleeper MIB FILE");
  char *p = sbrk((int)mib * MIB);
  for(long i = 0; i < mib * MIB; i += PAGE)
    p[i] = 1;
  int fd = open(argv[2], O_RDONLY);
  if(fd < 0)
    die("%s cannot be opened", argv[2]);
  printf("sleeper: %ld MiB\n", mib);
  while((n = read(fd, buf, sizeof buf)) > 0)
    ;
  die("sleeper: read gave %ld", n);
}
