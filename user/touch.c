// SPDX-License-Identifier: MIT
//
// touch: set the times of files to now; make those that do not exist, unless -c.

#include "user/ulib.h"
#include "user/user.h"

static bool create = true;

static long
touch(const char *path)
{
  long r = sys_utimes(path, NULL);

  if(r != -ENOENT)
    return r;
  if(!create)
    return 0;
  r = sys_open(path, O_WRONLY | O_CREAT, 0666);
  if(r >= 0)
    sys_close(r);
  return r;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "c", "touch [-c] file ..." };

  while(option(&o))
    create = false;
  return each_operand(&o, touch);
}
