// SPDX-License-Identifier: MIT
//
// fsck: is a disk image consistent?  The check itself is mkfs/fsck/; this is its way to an
// image on the host.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fs/qfs_format.h"
#include "mkfs/fsck/fsck.h"
#include "mkfs/host.h"
#include "mkfs/tool.h"

static const char help[] =
  "usage: fsck [-q] [-y] IMAGE\n"
  "\n"
  "Check the disk image IMAGE and print what is wrong with it.\n"
  "\n"
  "  -q         no summary when all is well\n"
  "  -y         write what the journal holds to where it belongs, and mend all that is\n"
  "             wrong.  What has lost its name goes to /lost+found; a block that two files\n"
  "             have stays with one, the other gets a copy.  Otherwise IMAGE is not changed\n"
  "  --help     print this\n"
  "\n"
  "Exit status: 0 consistent, 1 all that was wrong is mended, 4 it is not, 8 this is no\n"
  "image or cannot be read, 16 wrong usage.\n";

static int image;
static const char *name;

static void __attribute__((noreturn))
fail(const char *why)
{
  tool_error(0, "%s: %s", name, why);
  exit(FSCK_FAILED);
}

// ---- What the check asks for ----

int
fsck_read(unsigned long block, void *to)
{
  return pread(image, to, QFS_BLOCK, block * QFS_BLOCK) == QFS_BLOCK ? 0 : -EIO;
}

int
fsck_write(unsigned long block, const void *from)
{
  return pwrite(image, from, QFS_BLOCK, block * QFS_BLOCK) == QFS_BLOCK ? 0 : -EIO;
}

int
fsck_flush(void)
{
  return fsync(image) ? -errno : 0;
}

void *
fsck_memory(unsigned long bytes)
{
  void *p = bytes < MiB ? calloc(1, bytes) : host_pages(bytes);
  if(p == NULL)
    fail("no memory");
  return p;
}

void
fsck_say(const char *fmt, va_list ap)
{
  vprintf(fmt, ap);
}

// ---- The program ----

static u64
open_image(bool repair)
{
  struct stat st;
  image = open(name, (repair ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if(image < 0 || fstat(image, &st) < 0)
    fail(strerror(errno));
  if(!S_ISREG(st.st_mode))
    fail("not a disk image");
  if(repair && host_lock(image, true) != 0)
    fail("in use: is QEMU running with it?");
  return st.st_size / QFS_BLOCK;
}

static void
parse(int argc, char **argv, bool *quiet, bool *repair)
{
  int c;
  opterr = 0;
  while((c = getopt(argc, argv, "qy")) != -1)
    switch(c){
    case 'q': *quiet = true; break;
    case 'y': *repair = true; break;
    default:  tool_error(0, "bad option -%c; try `fsck --help'", optopt); exit(FSCK_USAGE);
    }
  if(argc - optind != 1){
    tool_error(0, "one IMAGE is needed; try `fsck --help'");
    exit(FSCK_USAGE);
  }
  name = argv[optind];
}

int
main(int argc, char **argv)
{
  bool quiet = false, repair = false;
  struct fsck_result r;
  tool_start("fsck", help, argc, argv);
  parse(argc, argv, &quiet, &repair);
  enum fsck_status status = fsck_device(open_image(repair), repair, &r);
  if(status == FSCK_FAILED)
    fail("cannot be checked or mended");
  if(r.faults)
    printf("%s: %lu errors%s\n", name, r.faults, status == FSCK_MENDED ? ", mended" : "");
  else if(!quiet)
    printf("%s: consistent: %lu files, %lu of %lu blocks free%s\n", name, r.files, r.free_blocks,
           r.blocks, r.replay && !repair ? ", once its journal is replayed" : "");
  return fflush(stdout) ? FSCK_FAILED : status;
}
