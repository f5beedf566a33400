// SPDX-License-Identifier: MIT
//
// Copying and removing whole trees, for cp, mv and rm.

#include "user/ulib.h"
#include "user/user.h"

enum { PERMISSIONS = 07777 };

static bool
complain(const char *path, long error)
{
  warn_error(path, error);
  return false;
}

// ---- Removing ----

static bool
remove_directory(const char *path)
{
  struct list names = { 0 };
  long r = directory_names(path, &names);
  bool ok = true;

  if(r < 0)
    return complain(path, r);
  for(size_t i = 0; i < names.n; i++){
    char *inside = path_join(path, names.p[i]);
    ok &= remove_tree(inside);
    free(inside);
  }
  list_free(&names, true);
  if(!ok)
    return false;
  r = sys_rmdir(path);
  return r < 0 ? complain(path, r) : true;
}

bool
remove_tree(const char *path)
{
  struct kstat st;
  long r = sys_lstat(path, &st);

  if(r == 0 && (st.mode & S_IFMT) == S_IFDIR)
    return remove_directory(path);
  if(r == 0)
    r = sys_unlink(path);
  return r < 0 ? complain(path, r) : true;
}

// ---- Copying ----

enum reflink copy_reflink;

static bool
copy_bytes(int from, int to, const char *from_path, const char *to_path)
{
  enum { ROOM = 65536 };
  char *buf = must_malloc(ROOM);
  long n, r = 0;

  while((n = sys_read(from, buf, ROOM)) > 0 && (r = write_all(to, buf, n)) == 0)
    ;
  free(buf);
  if(r < 0)
    return complain(to_path, r);
  return n < 0 ? complain(from_path, n) : true;
}

// Have the blocks of the other instead of copies.  => 0, or why not
static long
share_blocks(int from, int to)
{
  enum { FICLONE = 0x40049409 };
  return copy_reflink == REFLINK_NEVER ? -EOPNOTSUPP : sys_ioctl(to, FICLONE, (void *)(long)from);
}

static bool
copy_file(const char *from, const char *to, const struct kstat *st)
{
  struct kstat old;
  long in, target;

  if(sys_stat(to, &old) == 0 && old.dev == st->dev && old.ino == st->ino){
    warn("%s and %s are the same file", from, to);
    return false;
  }
  in = sys_open(from, O_RDONLY, 0);
  if(in < 0)
    return complain(from, in);
  target = sys_open(to, O_WRONLY | O_CREAT | O_TRUNC, st->mode & 0777);
  bool ok = target < 0 ? complain(to, target) : true;
  long shared = ok ? share_blocks(in, target) : 0;
  if(shared < 0)
    ok = copy_reflink == REFLINK_ALWAYS ? complain(to, shared) : copy_bytes(in, target, from, to);
  if(target >= 0)
    sys_close(target);
  sys_close(in);
  return ok;
}

static bool
copy_link(const char *from, const char *to)
{
  char target[PATH_MAX];
  long n = sys_readlink(from, target, sizeof(target) - 1);

  if(n < 0)
    return complain(from, n);
  target[n] = 0;
  n = sys_symlink(target, to);
  return n < 0 ? complain(to, n) : true;
}

// `root` is the directory the outermost call made: a tree that is copied into
// itself is not followed there.
static bool
copy_directory(const char *from, const char *to, const struct kstat *st, struct kstat *root)
{
  struct list names = { 0 };
  struct kstat made;
  bool ok = true;
  long r = directory_names(from, &names);

  if(r < 0)
    return complain(from, r);
  r = sys_mkdir(to, (st->mode & PERMISSIONS) | 0700);
  if(r < 0 && r != -EEXIST)
    ok = complain(to, r);
  else if((r = sys_stat(to, &made)) < 0)
    ok = complain(to, r);
  if(ok && !root)
    root = &made;
  for(size_t i = 0; ok && i < names.n; i++){
    char *a = path_join(from, names.p[i]), *b = path_join(to, names.p[i]);
    ok &= copy_tree(a, b, true, root);
    free(a);
    free(b);
  }
  list_free(&names, true);
  return ok;
}

bool
copy_tree(const char *from, const char *to, bool recursive, struct kstat *root)
{
  struct kstat st;
  long r = recursive ? sys_lstat(from, &st) : sys_stat(from, &st);

  if(r < 0)
    return complain(from, r);
  if(root && root->dev == st.dev && root->ino == st.ino)
    return true;
  switch(st.mode & S_IFMT){
  case S_IFDIR:
    if(recursive)
      return copy_directory(from, to, &st, root);
    warn("%s is a directory (-r copies it)", from);
    return false;
  case S_IFLNK:
    return copy_link(from, to);
  case S_IFCHR:
  case S_IFBLK:
  case S_IFIFO:
    if(!recursive)
      return copy_file(from, to, &st);
    r = sys_mknod(to, st.mode, st.rdev);
    return r < 0 ? complain(to, r) : true;
  default:
    return copy_file(from, to, &st);
  }
}

// ---- Operands ----

char *
target_path(const char *from, const char *to)
{
  struct kstat st;
  struct text name = { 0 };
  const char *base = path_base(from);
  size_t n = strlen(base);

  if(sys_stat(to, &st) < 0 || (st.mode & S_IFMT) != S_IFDIR)
    return must_copy(to);
  while(n > 1 && base[n - 1] == '/')
    n--;
  text_add(&name, base, n);
  char *path = path_join(to, name.s);
  text_free(&name);
  return path;
}

bool
is_directory(const char *path)
{
  struct kstat st;
  return sys_stat(path, &st) == 0 && (st.mode & S_IFMT) == S_IFDIR;
}
