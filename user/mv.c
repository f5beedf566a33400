// SPDX-License-Identifier: MIT
//
// mv: rename files, or move them into a directory; between file systems by
// copying.

#include "user/ulib.h"
#include "user/user.h"

static bool
move(const char *from, const char *to)
{
  char *path = target_path(from, to);
  long r = sys_rename(from, path);
  bool ok = r >= 0;

  if(r == -EXDEV)
    ok = copy_tree(from, path, true, NULL) && remove_tree(from);
  else if(r < 0)
    warn("%s to %s: %s", from, path, error_text(r));
  free(path);
  return ok;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "f", "mv [-f] from ... to" };
  bool ok = true;

  while(option(&o))
    ;
  if(argc - o.at < 2)
    usage(&o);
  const char *to = argv[argc - 1];
  if(argc - o.at > 2 && !is_directory(to))
    die("%s is not a directory", to);
  for(int i = o.at; i < argc - 1; i++)
    ok &= move(argv[i], to);
  return !ok;
}
