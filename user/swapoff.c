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
  bool ok = true;

  option(&o);
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++){
    long r = sys_swapoff(argv[i]);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
