// SPDX-License-Identifier: MIT
//
// mkfs: a new disk image, with files in it.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fs/qfs_format.h"
#include "mkfs/format.h"
#include "mkfs/host.h"
#include "mkfs/image.h"
#include "mkfs/tool.h"

static const char help[] =
  "usage: mkfs [-L LABEL] [-H SEED] IMAGE SIZE [FILE...]\n"
  "\n"
  "Make the disk image IMAGE of SIZE bytes (K, M, G and T are understood; at least\n"
  "1M), holding an empty qfs file system with the FILEs in its root directory.\n"
  "What was in IMAGE is lost.\n"
  "\n"
  "  -L LABEL   name the file system, with up to 31 bytes\n"
  "  -H SEED    hash names with this number, not with a random one: the same files\n"
  "             lie in the same places again\n"
  "  --help     print this\n"
  "\n"
  "Exit status: 0 done, 1 something failed, 2 wrong usage.\n";

static void
make_image(const char *file, u64 bytes, const char *label, const u64 *seed)
{
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if(fd < 0)
    tool_die("%s: %s", file, strerror(errno));
  int e = host_lock(fd, true);
  if(e == 0 && (ftruncate(fd, 0) < 0 || ftruncate(fd, bytes) < 0))
    e = -errno;
  if(e == 0)
    e = format_image(fd, bytes, label, seed);
  if(close(fd) < 0 && e == 0)
    e = -errno;
  if(e)
    tool_die("%s: %s", file, strerror(-e));
}

static int
fill_image(const char *file, int n, char **files)
{
  struct image *m = tool_open(file, true);
  int status = DONE;
  for(int i = 0; i < n; i++){
    char *path = tool_join("", files[i]);
    status |= tool_copy_in(m, files[i], path);
    free(path);
  }
  return status | tool_close(m, file);
}

static u64
number(const char *text)
{
  char *end;
  errno = 0;
  u64 n = strtoul(text, &end, 0);
  if(text[0] < '0' || text[0] > '9' || *end || errno)
    tool_usage("%s: is no number", text);
  return n;
}

int
main(int argc, char **argv)
{
  const char *label = "";
  u64 seed, *chosen = NULL;
  int c;
  tool_start("mkfs", help, argc, argv);
  opterr = 0;
  while((c = getopt(argc, argv, "L:H:")) != -1)
    switch(c){
    case 'L': label = optarg; break;
    case 'H': seed = number(optarg); chosen = &seed; break;
    default:  tool_usage("bad option -%c", optopt);
    }
  if(argc - optind < 2)
    tool_usage("IMAGE and SIZE are needed");
  if(strlen(label) >= QFS_LABEL)
    tool_usage("a label has at most %d bytes", QFS_LABEL - 1);
  const char *file = argv[optind];
  u64 bytes = tool_size(argv[optind + 1]);
  if(bytes < FORMAT_MIN || bytes / QFS_BLOCK > QFS_BLOCKS_MAX)
    tool_usage("%s: SIZE must be 1M to 16T", argv[optind + 1]);

  make_image(file, bytes, label, chosen);
  return argc - optind > 2 ? fill_image(file, argc - optind - 2, argv + optind + 2) : DONE;
}
