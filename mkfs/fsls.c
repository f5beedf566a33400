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

// The names of a directory.
struct names {
  char **name;
  u64 n;
};

static bool
add_name(void *arg, const char *name, u64 ino)
{
  struct names *l = arg;
  if((l->n & (l->n - 1)) == 0)             // full: twice the room
    l->name = realloc(l->name, (l->n ? 2 * l->n : 1) * sizeof(char *));
  if(l->name == NULL || (l->name[l->n++] = strdup(name)) == NULL)
    tool_die("no memory");
  return true;
}

static int
by_name(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// => DONE or FAILED, with a message
static int
list_name(struct image *m, const char *dir, const char *name)
{
  struct inode *i;
  char *path = tool_join(dir, name);
  int e = image_find(m, path, &i);
  if(e == 0){
    print_line(i, name);
    image_put_inode(i);
  }
  int status = e ? tool_error(e, "%s", path) : DONE;
  free(path);
  return status;
}

static int
list_directory(struct image *m, struct inode *dir, const char *path)
{
  struct names l = { NULL, 0 };
  int e = image_list(dir, add_name, &l);
  int status = e ? tool_error(e, "%s", path) : DONE;
  if(l.n > 0)
    qsort(l.name, l.n, sizeof(char *), by_name);
  for(u64 i = 0; i < l.n; i++){
    status |= list_name(m, path, l.name[i]);
    free(l.name[i]);
  }
  free(l.name);
  return status;
}

static int
list(struct image *m, const char *path)
{
  struct image_stat st;
  struct inode *i;
  int status = DONE, e = image_find(m, path, &i);
  if(e)
    return tool_error(e, "%s", path);
  image_stat(i, &st);
  if(S_ISDIR(st.mode))
    status = list_directory(m, i, path);
  else
    print_line(i, path);
  image_put_inode(i);
  return status;
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
