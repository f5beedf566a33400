// SPDX-License-Identifier: MIT
//
// readlink: where symbolic links lead to.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "readlink name ..." };
  static char text[4096];
  bool ok = true;

  option(&o);
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++){
    long n = sys_readlink(argv[i], text, sizeof text);
    if(n < 0)
      warn_error(argv[i], n);
    else
      out("%.*s\n", (int)n, text);
    ok &= n >= 0;
  }
  return !ok;
}
