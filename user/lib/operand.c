// SPDX-License-Identifier: MIT
//
// What programs have in common that do one thing to each of their operands.

#include "user/ulib.h"

int
each_operand(struct options *o, long (*fn)(const char *operand))
{
  bool ok = true;
  if(o->at == o->argc)
    usage(o);
  for(; o->at < o->argc; o->at++){
    long r = fn(o->argv[o->at]);
    if(r < 0)
      warn_error(o->argv[o->at], r);
    ok &= r >= 0;
  }
  return !ok;
}
