// SPDX-License-Identifier: MIT
//
// umount: take file systems off the directories that they are mounted on.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "umount directory ..." };
  bool ok = true;

  option(&o);
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++){
    long r = sys_umount(argv[i]);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
