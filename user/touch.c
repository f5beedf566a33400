// SPDX-License-Identifier: MIT
//
// touch: set the times of files to now; make those that do not exist, unless -c.

#include "user/ulib.h"
#include "user/user.h"

static long
touch(const char *path, bool create)
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
  bool create = true, ok = true;

  while(option(&o))
    create = false;
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++){
    long r = touch(argv[i], create);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
