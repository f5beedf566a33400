// SPDX-License-Identifier: MIT
//
// mkfifo: make FIFOs, pipes with a name.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "mkfifo name ..." };
  bool ok = true;

  option(&o);
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++){
    long r = sys_mknod(argv[i], S_IFIFO | 0666, 0);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
