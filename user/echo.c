// SPDX-License-Identifier: MIT
//
// echo: print the arguments; -n: without a line end.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  int first = 1;
  bool line_end = true;

  if(argc > 1 && strcmp(argv[1], "-n") == 0){
    line_end = false;
    first = 2;
  }
  for(int i = first; i < argc; i++)
    out("%s%s", i > first ? " " : "", argv[i]);
  if(line_end)
    out("\n");
  out_flush();
  return 0;
}
