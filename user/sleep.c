// SPDX-License-Identifier: MIT
//
// sleep: wait for some seconds, maybe with a decimal fraction.

#include "user/ulib.h"
#include "user/user.h"

// => false: not a number
static bool
parse_seconds(const char *s, struct timespec *t)
{
  long unit = 100000000;

  *t = (struct timespec){ 0, 0 };
  if(!(*s >= '0' && *s <= '9') && !(s[0] == '.' && s[1]))
    return false;
  for(; *s >= '0' && *s <= '9' && t->sec < 1000000000; s++)
    t->sec = t->sec * 10 + (*s - '0');
  if(*s == '.')
    for(s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
      t->nsec += (*s - '0') * unit;
  return *s == 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "sleep seconds" };
  struct timespec t;

  option(&o);
  if(argc - o.at != 1 || !parse_seconds(argv[o.at], &t))
    usage(&o);
  while(sys_nanosleep(&t, &t) == -EINTR)
    ;
  return 0;
}
