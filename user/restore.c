// SPDX-License-Identifier: MIT
//
// restore: let a process that was saved go on, as a child that is waited for.

#include "user/checkpoint.h"
#include "user/user.h"

// The child's end is ours.
static int
wait_for(long pid)
{
  int status;
  long r;

  do
    r = sys_wait(pid, &status, 0);
  while(r == -EINTR);
  if(r < 0)
    return 1;
  return wait_signal(status) ? 128 + wait_signal(status) : wait_code(status);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "c", "restore [-c] file     (-c: check all pages first)" };
  struct chain c;
  bool check = false;

  while(option(&o) != 0)
    check = true;
  if(argc - o.at != 1)
    usage(&o);
  const char *why = chain_open(&c, argv[o.at]);
  if(!why && check)
    why = chain_check(&c);
  if(why){
    warn("%s", why);
    return 1;
  }
  long wanted = ((struct checkpoint *)c.files.p[0])->header.pid, pid = chain_restore(&c);
  if(pid < 0)
    return 1;
  if(pid != wanted)
    warn("there is a process %ld; this one is %ld now", wanted, pid);
  chain_close(&c);
  return wait_for(pid);
}
