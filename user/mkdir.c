// SPDX-License-Identifier: MIT
//
// mkdir: make directories; -p: with those above them, and no complaint if one
// exists.

#include "user/ulib.h"
#include "user/user.h"

// An existing directory is as good as a new one.
static long
make_or_accept(const char *path)
{
  struct kstat st;
  long r = sys_mkdir(path, 0777);

  if(r == -EEXIST && sys_stat(path, &st) == 0 && (st.mode & S_IFMT) == S_IFDIR)
    return 0;
  return r;
}

static long
make_all(char *path)
{
  for(char *p = path + 1; *p; p++){
    if(*p != '/')
      continue;
    *p = 0;
    long r = make_or_accept(path);
    *p = '/';
    if(r < 0)
      return r;
  }
  return make_or_accept(path);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "p", "mkdir [-p] directory ..." };
  bool parents = false, ok = true;

  while(option(&o))
    parents = true;
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++){
    long r = parents && argv[i][0] ? make_all(argv[i]) : sys_mkdir(argv[i], 0777);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
