// SPDX-License-Identifier: MIT
//
// fsls: what is in a disk image.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include "mkfs/image.h"
#include "mkfs/tool.h"

static const char help[] =
  "usage: fsls IMAGE [PATH...]\n"
  "\n"
  "List files of the disk image IMAGE, or what is in its directories; without a\n"
  "PATH its root.  A line a file: inode, mode, links, owner, group, bytes (or device\n"
  "numbers), time of the last change, name.\n"
  "\n"
  "  --help     print this\n"
  "\n"
  "Exit status: 0 done, 1 something failed, 2 wrong usage.\n";

// "drwxr-xr-x", as ls prints it.
static const char *
mode_text(u32 mode)
{
  static char text[11];
  static const char types[16] = "?pc?d?b?-?l?s???";
  text[0] = types[mode >> 12 & 15];
  for(int i = 0; i < 9; i++)
    text[i + 1] = mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
  if(mode & S_ISUID)
    text[3] = text[3] == 'x' ? 's' : 'S';
  if(mode & S_ISGID)
    text[6] = text[6] == 'x' ? 's' : 'S';
  if(mode & S_ISVTX)
    text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

static void
print_line(struct inode *i, const char *name)
{
  struct image_stat st;
  char size[32], when[32], target[4097];
  image_stat(i, &st);
  if(S_ISCHR(st.mode) || S_ISBLK(st.mode))
    snprintf(size, sizeof(size), "%u,%u", major(st.rdev), minor(st.rdev));
  else
    snprintf(size, sizeof(size), "%lu", st.size);
  time_t t = st.mtime;
  strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", gmtime(&t));
  printf("%6lu %s %3u %u %u %10s %s %s", st.ino, mode_text(st.mode), st.nlink, st.uid, st.gid,
         size, when, name);
  int n = S_ISLNK(st.mode) ? image_readlink(i, target, sizeof(target) - 1) : -1;
  if(n >= 0)
    printf(" -> %.*s", n, target);
  putchar('\n');
}

struct listing {
  struct image *m;
  const char *dir;
  int status;
};

static bool
print_entry(void *arg, const char *name, u64 ino)
{
  struct listing *l = arg;
  struct inode *i;
  char *path = tool_join(l->dir, name);
  int e = image_find(l->m, path, &i);
  if(e == 0){
    print_line(i, name);
    image_put_inode(i);
  } else {
    l->status |= tool_error(e, "%s", path);
  }
  free(path);
  return true;
}

static int
list(struct image *m, const char *path)
{
  struct listing l = { m, path, DONE };
  struct image_stat st;
  struct inode *i;
  int e = image_find(m, path, &i);
  if(e)
    return tool_error(e, "%s", path);
  image_stat(i, &st);
  if(S_ISDIR(st.mode))
    e = image_list(i, print_entry, &l);
  else
    print_line(i, path);
  image_put_inode(i);
  return e ? tool_error(e, "%s", path) : l.status;
}

int
main(int argc, char **argv)
{
  tool_start("fsls", help, argc, argv);
  if(argc < 2)
    tool_usage("IMAGE is needed");
  if(argv[1][0] == '-')
    tool_usage("bad option %s", argv[1]);
  struct image *m = tool_open(argv[1], false);
  int status = argc == 2 ? list(m, "/") : DONE;
  for(int i = 2; i < argc; i++)
    status |= list(m, argv[i]);
  status |= tool_close(m, argv[1]);
  return fflush(stdout) ? FAILED : status;
}
