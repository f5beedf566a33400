// SPDX-License-Identifier: MIT
//
// rm: remove files; -r: directories with all that is in them; -f: without
// complaint about what does not exist.

#include "user/ulib.h"
#include "user/user.h"

static bool recursive, force;

static bool
is_protected(const char *path)
{
  size_t n = strlen(path);
  while(n > 1 && path[n - 1] == '/')
    n--;
  const char *base = path + n;
  while(base > path && base[-1] != '/')
    base--;
  n -= base - path;
  return n == 0 || (n == 1 && (*base == '.' || *base == '/'))
         || (n == 2 && base[0] == '.' && base[1] == '.');
}

// => false after a complaint
static bool
remove(const char *path)
{
  struct kstat st;
  long r = sys_lstat(path, &st);

  if(force && (r == -ENOENT || r == -ENOTDIR))
    return true;
  if(r == 0 && (st.mode & S_IFMT) == S_IFDIR && !recursive)
    r = -EISDIR;
  if(r == 0 && (st.mode & S_IFMT) == S_IFDIR && is_protected(path))
    r = -EINVAL;
  if(r == 0 && recursive)
    return remove_tree(path);
  if(r == 0)
    r = sys_unlink(path);
  if(r < 0)
    warn_error(path, r);
  return r >= 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "rRf", "rm [-r] [-f] file ..." };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    recursive |= c == 'r' || c == 'R';
    force |= c == 'f';
  }
  if(o.at == argc && !force)
    usage(&o);
  for(int i = o.at; i < argc; i++)
    ok &= remove(argv[i]);
  return !ok;
}
