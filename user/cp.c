// SPDX-License-Identifier: MIT
//
// cp: copy files, to a name or into a directory; -r: directories with all that
// is in them; --reflink: files share their blocks with the copies until one of them is
// written to, where the file system knows how (=auto: and else they are copied).

#include "user/ulib.h"
#include "user/user.h"

static enum reflink
when(const struct options *o)
{
  const char *value = o->value ? o->value : "always";
  if(strcmp(value, "always") == 0)
    return REFLINK_ALWAYS;
  if(strcmp(value, "auto") == 0)
    return REFLINK_AUTO;
  if(strcmp(value, "never") != 0)
    usage(o);
  return REFLINK_NEVER;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "rR", "cp [-r] [--reflink[=always|auto|never]] from ... to",
                       .word = "reflink" };
  bool recursive = false, ok = true;

  for(int c; (c = option(&o));)
    if(c == OPTION_WORD)
      copy_reflink = when(&o);
    else
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
