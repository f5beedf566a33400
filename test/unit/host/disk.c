// SPDX-License-Identifier: MIT
//
// The disk in a file.  A request ends before submit returns, but others may run
// in between.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "disk.h"
#include "hosted.h"
#include "mkfs/format.h"

static struct {
  struct block_device block;
  int fd;
  u32 fail_one_in;
} disk = { .block = { .name = "disk", .pages_max = 5 } };

static int
submit(struct block_device *d, struct block_request *r)
{
  u64 at = r->sector * SECTOR;
  int err = disk.fail_one_in && below(disk.fail_one_in) == 0 ? -EIO : 0;
  for(u32 i = 0, len; i < block_pieces(r) && err == 0; i++, at += len){
    void *mem = block_piece(r, i, &len);
    preemption_point();
    ssize_t n = r->op == BLOCK_READ ? pread(disk.fd, mem, len, (off_t)at)
                                    : pwrite(disk.fd, mem, len, (off_t)at);
    assert(n == len);
  }
  block_complete(d, r, err);
  return 0;
}

struct block_device *
disk_make(u64 bytes)
{
  FILE *f = tmpfile();
  assert(f);
  disk.fd = fileno(f);
  assert(ftruncate(disk.fd, (off_t)bytes) == 0);
  assert(format_image(disk.fd, bytes, "unit test", NULL) == 0);
  disk.block.sectors = bytes / SECTOR;
  disk.block.submit = submit;
  block_register(&disk.block);
  return &disk.block;
}

void
disk_fail(u32 one_in)
{
  disk.fail_one_in = one_in;
}

void
disk_expect_consistent(void)
{
  char command[64];
  snprintf(command, sizeof command, "build/mkfs/fsck -q /proc/%d/fd/%d", getpid(), disk.fd);
  fflush(NULL);
  int status = system(command);
  if(status != 0)
    panic("fsck: status %x", status);
}
