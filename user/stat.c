// SPDX-License-Identifier: MIT
//
// stat: what the file system knows about files.

#include "user/ulib.h"
#include "user/user.h"

static const char *
type_name(uint mode)
{
  switch(mode & S_IFMT){
  case S_IFREG: return "regular file";
  case S_IFDIR: return "directory";
  case S_IFLNK: return "symbolic link";
  case S_IFCHR: return "character device";
  case S_IFBLK: return "block device";
  case S_IFIFO: return "pipe";
  default: return "unknown";
  }
}

static void
put_time(const char *what, const struct timespec *t)
{
  char date[20];
  format_time(t->sec, date);
  out("%s: %s:%02ld.%09ld\n", what, date, t->sec % 60, t->nsec);
}

static void
describe(const char *path, const struct kstat *st)
{
  out("  File: %s\n", path);
  out("  Size: %-12ld Blocks: %-8ld Block size: %-6d %s\n", st->size, st->blocks, st->blksize,
      type_name(st->mode));
  out("Device: %d,%-10d Inode: %-9ld Links: %d", dev_major(st->dev), dev_minor(st->dev),
      st->ino, st->nlink);
  if((st->mode & S_IFMT) == S_IFCHR || (st->mode & S_IFMT) == S_IFBLK)
    out("  Is device: %d,%d", dev_major(st->rdev), dev_minor(st->rdev));
  out("\nAccess: %04o  Uid: %d  Gid: %d\n", st->mode & 07777, st->uid, st->gid);
  put_time("Access", &st->atime);
  put_time("Modify", &st->mtime);
  put_time("Change", &st->ctime);
}

static bool follow;

static long
show(const char *path)
{
  struct kstat st;
  long r = follow ? sys_stat(path, &st) : sys_lstat(path, &st);

  if(r == 0)
    describe(path, &st);
  return r;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "L", "stat [-L] file ..." };

  while(option(&o))
    follow = true;
  return each_operand(&o, show);
}
