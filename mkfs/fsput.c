// SPDX-License-Identifier: MIT
//
// fsput: files from the host into a disk image.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mkfs/image.h"
#include "mkfs/tool.h"

static const char help[] =
  "usage: fsput [-p] IMAGE HOSTFILE... DEST\n"
  "       fsput [-p] -d IMAGE DEST...\n"
  "       fsput [-p] -s TARGET IMAGE DEST\n"
  "       fsput [-p] -c FROM IMAGE DEST...\n"
  "       fsput -r IMAGE DEST...\n"
  "\n"
  "Copy HOSTFILEs into the disk image IMAGE, with their modes: into DEST if that is a\n"
  "directory or ends in a slash, else as DEST.  A file that is there is replaced.\n"
  "\n"
  "  -d         make directories\n"
  "  -s TARGET  make a symbolic link to TARGET\n"
  "  -c FROM    make files that share the blocks of the file FROM of IMAGE\n"
  "  -r         remove files and empty directories\n"
  "  -p         make the directories above DEST that are missing\n"
  "  --help     print this\n"
  "\n"
  "Exit status: 0 done, 1 something failed, 2 wrong usage.\n";

static bool
is_directory(struct image *m, const char *path)
{
  struct image_stat st;
  struct inode *i;
  if(image_find(m, path, &i))
    return false;
  image_stat(i, &st);
  image_put_inode(i);
  return S_ISDIR(st.mode);
}

// Make every directory on the way to the last component of path; with a slash at
// its end that too.
static int
make_parents(struct image *m, const char *path)
{
  char *part = strdup(path);
  int e = part ? 0 : -ENOMEM;
  for(char *s = part; e == 0 && s && (s = strchr(s + 1, '/'));){
    *s = '\0';
    if(*part && !is_directory(m, part))
      e = image_create(m, part, S_IFDIR | 0755, 0, NULL);
    *s = '/';
  }
  free(part);
  return e ? tool_error(e, "%s", path) : DONE;
}

static int
put_files(struct image *m, int n, char **files, const char *dest)
{
  bool into = is_directory(m, dest) || dest[strlen(dest) - 1] == '/';
  int status = DONE;
  if(!into && n > 1)
    return tool_error(-ENOTDIR, "%s", dest);
  for(int i = 0; i < n; i++){
    char *path = into ? tool_join(dest, files[i]) : strdup(dest);
    status |= path ? tool_copy_in(m, files[i], path) : FAILED;
    free(path);
  }
  return status;
}

enum what { PUT, DIRECTORY, SYMLINK, CLONE, REMOVE };

static int
clone(struct image *m, const char *from, const char *path)
{
  struct inode *i, *source;
  struct image_stat st;
  int e = image_find(m, from, &source);
  if(e)
    return e;
  image_stat(source, &st);
  e = image_create(m, path, S_IFREG | (st.mode & 07777), 0, &i);
  if(e == 0){
    e = image_clone(i, source);
    image_put_inode(i);
  }
  image_put_inode(source);
  return e;
}

static int
each(struct image *m, enum what what, const char *target, const char *path)
{
  int e = what == CLONE ? clone(m, target, path) :
          what == DIRECTORY ? image_create(m, path, S_IFDIR | 0755, 0, NULL) :
          what == SYMLINK ? image_symlink(m, path, target) : image_unlink(m, path);
  return e ? tool_error(e, "%s", path) : DONE;
}

struct options {
  enum what what;
  const char *target;
  bool parents;
};

static struct options
parse(int argc, char **argv)
{
  struct options o = { PUT, NULL, false };
  int c, kinds = 0;
  opterr = 0;
  while((c = getopt(argc, argv, "+pdrs:c:")) != -1){
    kinds += c != 'p';
    switch(c){
    case 'p': o.parents = true; break;
    case 'd': o.what = DIRECTORY; break;
    case 'r': o.what = REMOVE; break;
    case 's': o.what = SYMLINK; o.target = optarg; break;
    case 'c': o.what = CLONE; o.target = optarg; break;
    default: tool_usage("bad option -%c", optopt);
    }
  }
  if(kinds > 1)
    tool_usage("only one of -c, -d, -r and -s");
  return o;
}

int
main(int argc, char **argv)
{
  tool_start("fsput", help, argc, argv);
  struct options o = parse(argc, argv);
  int n = argc - optind - 1;             // after IMAGE
  if(n < (o.what == PUT ? 2 : 1))
    tool_usage("too few arguments");
  if(o.what == SYMLINK && n > 1)
    tool_usage("only one DEST");
  char **paths = argv + optind + 1;
  for(int i = 0; i < n; i++)
    if(paths[i][0] == '\0')
      tool_usage("a name is empty");

  struct image *m = tool_open(argv[optind], true);
  int status = DONE, first = o.what == PUT ? n - 1 : 0;
  for(int i = first; o.parents && i < n; i++)
    status |= make_parents(m, paths[i]);
  if(o.what == PUT)
    status |= status ? 0 : put_files(m, n - 1, paths, paths[n - 1]);
  for(int i = 0; o.what != PUT && i < n; i++)
    status |= each(m, o.what, o.target, paths[i]);
  return status | tool_close(m, argv[optind]);
}
