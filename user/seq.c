// SPDX-License-Identifier: MIT
//
// seq: the numbers from 1 (or the first operand) to the last operand, by steps
// of 1 (or the middle operand).

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "seq [first [step]] last" };
  long first = 1, step = 1, last;
  int n = argc - 1;

  // Operands may be negative: there are no options.
  if(n < 1 || n > 3 || !parse_long(argv[argc - 1], &last)
     || (n > 1 && !parse_long(argv[1], &first))
     || (n > 2 && !parse_long(argv[2], &step)) || step == 0)
    usage(&o);
  for(long i = first; step > 0 ? i <= last : i >= last;){
    out("%ld\n", i);
    if(__builtin_add_overflow(i, step, &i))
      break;
  }
  return 0;
}
