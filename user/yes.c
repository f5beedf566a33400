// SPDX-License-Identifier: MIT
//
// yes: print a line (of the operands, or "y") until nobody reads.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  for(;;){
    for(int i = 1; i < argc; i++)
      out(i + 1 < argc ? "%s " : "%s", argv[i]);
    out(argc > 1 ? "\n" : "y\n");
  }
}
