// SPDX-License-Identifier: MIT
//
// sync: write everything that waits to be written to the disks, or only what
// belongs to the given files; with -d not what can be done without to read their data.

#include "user/ulib.h"
#include "user/user.h"

static bool data_only;

static bool
sync_file(const char *path)
{
  int fd = open_operand(path);
  if(fd < 0)
    return false;
  long r = data_only ? sys_fdatasync(fd) : sys_fsync(fd);
  if(r < 0)
    warn_error(path, r);
  close_operand(fd);
  return r >= 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "d", "sync [-d] [file ...]" };
  bool ok = true;

  while(option(&o))
    data_only = true;
  for(int i = o.at; i < argc; i++)
    ok &= sync_file(argv[i]);
  if(o.at == argc)
    sys_sync();
  return !ok;
}
