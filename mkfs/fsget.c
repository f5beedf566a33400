// SPDX-License-Identifier: MIT
//
// fsget: a file out of a disk image.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mkfs/image.h"
#include "mkfs/tool.h"

static const char help[] =
  "usage: fsget IMAGE PATH [HOSTFILE]\n"
  "\n"
  "Copy the regular file PATH of the disk image IMAGE to HOSTFILE, with its mode, or\n"
  "to standard output.\n"
  "\n"
  "  --help     print this\n"
  "\n"
  "Exit status: 0 done, 1 something failed, 2 wrong usage.\n";

static int
write_all(int fd, const char *p, u64 n)
{
  while(n > 0){
    ssize_t k = write(fd, p, n);
    if(k < 0 && errno != EINTR)
      return -errno;
    if(k > 0){
      p += k;
      n -= k;
    }
  }
  return 0;
}

// => DONE or FAILED, with a message
static int
copy_out(struct inode *i, const char *path, int fd, const char *host)
{
  static char buf[64 * KiB];
  i64 n;
  for(u64 off = 0; (n = image_read(i, off, buf, sizeof(buf))) > 0; off += n){
    int e = write_all(fd, buf, n);
    if(e)
      return tool_error(e, "%s", host);
  }
  return n < 0 ? tool_error(n, "%s", path) : DONE;
}

static int
copy_to(struct inode *i, const char *path, const char *host)
{
  struct image_stat st;
  image_stat(i, &st);
  if(!S_ISREG(st.mode))
    return tool_error(0, "%s: not a regular file", path);
  if(host == NULL)
    return copy_out(i, path, STDOUT_FILENO, "standard output");
  int fd = open(host, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st.mode & 0777);
  if(fd < 0)
    return tool_error(-errno, "%s", host);
  int status = copy_out(i, path, fd, host);
  if(close(fd) < 0)
    status |= tool_error(-errno, "%s", host);
  return status;
}

int
main(int argc, char **argv)
{
  tool_start("fsget", help, argc, argv);
  if(argc != 3 && argc != 4)
    tool_usage("IMAGE and PATH are needed, and no more than a HOSTFILE");
  if(argv[1][0] == '-')
    tool_usage("bad option %s", argv[1]);
  struct image *m = tool_open(argv[1], false);
  struct inode *i;
  int e = image_find(m, argv[2], &i), status;
  if(e == 0){
    status = copy_to(i, argv[2], argv[3]);
    image_put_inode(i);
  } else {
    status = tool_error(e, "%s", argv[2]);
  }
  return status | tool_close(m, argv[1]);
}
