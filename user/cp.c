// SPDX-License-Identifier: MIT
//
// cp: copy files, to a name or into a directory; -r: directories with all that
// is in them.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "rR", "cp [-r] from ... to" };
  bool recursive = false, ok = true;

  while(option(&o))
    recursive = true;
  if(argc - o.at < 2)
    usage(&o);
  const char *to = argv[argc - 1];
  if(argc - o.at > 2 && !is_directory(to))
    die("%s is not a directory", to);
  for(int i = o.at; i < argc - 1; i++){
    char *path = target_path(argv[i], to);
    ok &= copy_tree(argv[i], path, recursive, NULL);
    free(path);
  }
  return !ok;
}
