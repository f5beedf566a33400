// SPDX-License-Identifier: MIT
//
// ln: give a file another name; -s: make a symbolic link; -f: in place of what
// has that name.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "sf", "ln [-s] [-f] old new" };
  bool symbolic = false, force = false;

  for(int c; (c = option(&o)) != 0;){
    symbolic |= c == 's';
    force |= c == 'f';
  }
  if(argc - o.at != 2)
    usage(&o);
  const char *old = argv[o.at];
  char *new = target_path(old, argv[o.at + 1]);
  if(force)
    sys_unlink(new);
  long r = symbolic ? sys_symlink(old, new) : sys_link(old, new);
  if(r < 0)
    die("%s to %s: %s", new, old, error_text(r));
  free(new);
  return 0;
}
