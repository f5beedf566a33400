// SPDX-License-Identifier: MIT
//
// du: the space files and directories take on the disk, in KiB.  -s: only the
// sums of the operands; -a: single files too.  A file with several names counts
// under each.

#include "user/ulib.h"
#include "user/user.h"

static bool sums_only, all, failed;

// => blocks of 512 bytes
static long
measure(const char *path, bool top)
{
  struct kstat st;
  struct list names = { 0 };
  long r = sys_lstat(path, &st), blocks;
  bool directory = r == 0 && (st.mode & S_IFMT) == S_IFDIR;

  if(directory)
    r = directory_names(path, &names);
  if(r < 0){
    warn_error(path, r);
    failed = true;
    return 0;
  }
  blocks = st.blocks;
  for(size_t i = 0; i < names.n; i++){
    char *inside = path_join(path, names.p[i]);
    blocks += measure(inside, false);
    free(inside);
  }
  list_free(&names, true);
  if(top || (!sums_only && (directory || all)))
    out("%ld\t%s\n", (blocks + 1) / 2, path);
  return blocks;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "sak", "du [-s] [-a] [file ...]" };

  for(int c; (c = option(&o)) != 0;){
    sums_only |= c == 's';
    all |= c == 'a';
  }
  if(o.at == argc)
    measure(".", true);
  for(int i = o.at; i < argc; i++)
    measure(argv[i], true);
  return failed;
}
