// SPDX-License-Identifier: MIT
//
// ls: list files and directories, one line each: name, type (1 directory,
// 2 file, 3 device, 4 symbolic link), inode number, size in bytes.
// -l: in the long form; -a: names that begin with a dot too; -i: inode number
// first; -d: directories themselves.

#include "kernel/stat.h"
#include "user/ulib.h"
#include "user/user.h"

static bool long_form, all, inodes, directories;

static int
type_number(uint mode)
{
  switch(mode & S_IFMT){
  case S_IFDIR: return T_DIR;
  case S_IFLNK: return T_SYMLINK;
  case S_IFREG: return T_FILE;
  default: return T_DEVICE;
  }
}

static void
put_mode(uint mode)
{
  static const char types[] = "?pc?d?b?-?l?s???";
  char text[11] = "?rwxrwxrwx";

  text[0] = types[mode >> 12 & 15];
  for(int bit = 0; bit < 9; bit++)
    if(!(mode >> (8 - bit) & 1))
      text[1 + bit] = '-';
  out("%s", text);
}

static void
put_long(const char *path, const char *name, const struct kstat *st)
{
  char target[PATH_MAX];
  char date[20];
  uint type = st->mode & S_IFMT;

  put_mode(st->mode);
  format_time(st->mtime.sec, date);
  out(" %3d %d %d ", st->nlink, st->uid, st->gid);
  if(type == S_IFCHR || type == S_IFBLK)
    out("%5d,%4d", dev_major(st->rdev), dev_minor(st->rdev));
  else
    out("%10ld", st->size);
  out(" %s %s", date, name);
  if(type == S_IFLNK){
    long n = sys_readlink(path, target, sizeof(target));
    if(n >= 0){
      out(" -> ");
      out_bytes(target, n);
    }
  }
  out("\n");
}

static bool
put(const char *path, const char *name)
{
  struct kstat st;
  long r = sys_lstat(path, &st);

  if(r < 0){
    warn_error(path, r);
    return false;
  }
  if(inodes)
    out("%6ld ", st.ino);
  if(long_form)
    put_long(path, name, &st);
  else
    out("%-14s %d %ld %ld\n", name, type_number(st.mode), st.ino, st.size);
  return true;
}

// It stays open to the end: in /proc/self/fd it is one of those that are listed.
static bool
list_directory(const char *path)
{
  struct directory d;
  struct list names = { 0 };
  long r = directory_open(&d, path);
  bool ok = true;

  if(r == 0 && (r = directory_read(&d, &names)) < 0)
    directory_close(&d);
  if(r < 0){
    warn_error(path, r);
    return false;
  }
  if(all){
    list_add(&names, must_copy("."));
    list_add(&names, must_copy(".."));
    list_sort(&names, compare_names);
  }
  for(size_t i = 0; i < names.n; i++){
    const char *name = names.p[i];
    if(name[0] == '.' && !all)
      continue;
    char *whole = path_join(path, name);
    ok &= put(whole, name);
    free(whole);
  }
  directory_close(&d);
  list_free(&names, true);
  return ok;
}

static bool
list_operand(const char *path, bool with_heading)
{
  struct kstat st;
  long r = sys_stat(path, &st);

  // A link to a directory is listed unless it is itself to be described.
  if(r < 0 || directories || (st.mode & S_IFMT) != S_IFDIR)
    return put(path, path);
  if(with_heading)
    out("%s:\n", path);
  return list_directory(path);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "laid", "ls [-l] [-a] [-i] [-d] [file ...]" };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    long_form |= c == 'l';
    all |= c == 'a';
    inodes |= c == 'i';
    directories |= c == 'd';
  }
  if(o.at == argc)
    return !list_operand(".", false);
  for(int i = o.at; i < argc; i++)
    ok &= list_operand(argv[i], argc - o.at > 1);
  return !ok;
}
