// SPDX-License-Identifier: MIT
//
// rewind: end a process, and let it go on from one of its last checkpoints: the newest
// (1) or one of those that this adds to.

#include "user/checkpoint.h"
#include "user/user.h"

// => the file, n - 1 before the last one, in which the process is saved; or NULL
static char *
find(struct chain *c, long pid, long n)
{
  const char *why, *last = process_saved_as(pid, &why);

  if(last)
    why = chain_open(c, last);
  if(why){
    warn("%s", why);
    return NULL;
  }
  if(n > (long)c->files.n){
    warn("process %ld: there are only %ld checkpoints", pid, (long)c->files.n);
    return NULL;
  }
  return must_copy(((struct checkpoint *)c->files.p[n - 1])->path);
}

// Until its number is free, or its parent will not see to that for a while.
static void
end(long pid)
{
  struct timespec pause = { 0, 10000000 };

  sys_kill(pid, SIGKILL);
  for(int tries = 0; sys_kill(pid, 0) == 0 && tries < 20; tries++)
    sys_nanosleep(&pause, NULL);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "rewind pid checkpoints" };
  struct chain all, c;
  long pid, n;

  while(option(&o) != 0)
    ;
  if(argc - o.at != 2 || !parse_long(argv[o.at], &pid) || !parse_long(argv[o.at + 1], &n) ||
     pid <= 0 || n <= 0)
    usage(&o);
  char *path = find(&all, pid, n);
  if(!path)
    return 1;
  const char *why = chain_open(&c, path);
  if(!why)
    why = chain_check(&c);
  if(why){
    warn("%s", why);
    return 1;
  }
  end(pid);
  long new = chain_restore(&c);
  return new < 0 ? 1 : restored_wait(new);
}
