// SPDX-License-Identifier: MIT
//
// nice: run a program that leaves more of the hart to others, -n: by so much, 10 if it is
// not said; or less.  Without one: how nice a program would be.  -p: a process that runs
// already gets that level.

#include "user/ulib.h"
#include "user/user.h"

enum { USUAL = 10, NOT_NICE = 20 };

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "n:p:", "nice [-n level] [-p pid | program [argument ...]]" };
  long level = USUAL, pid = 0;

  for(int c; (c = option(&o)) != 0;)
    if(!parse_long(o.value, c == 'n' ? &level : &pid) || pid < 0)
      die("%s is no number", o.value);
  if(pid && o.at < argc)
    usage(&o);
  long now = NOT_NICE - sys_getpriority(0, 0);
  if(!pid && o.at == argc){
    out("%ld\n", now);
    return 0;
  }
  long r = sys_setpriority(0, pid, pid ? level : now + level);
  if(r < 0)
    die("nice: %s", error_text(r));
  if(pid)
    return 0;
  r = program_run(argv + o.at);
  warn_error(argv[o.at], r);
  return r == -ENOENT ? 127 : 126;
}
