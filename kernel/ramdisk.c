// SPDX-License-Identifier: MIT
//
// The initrd range of memory as the block device ram0.  Requests end before
// submit returns; a run from it depends on nothing outside the machine.

#include "kernel/block.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include <machine.h>

static struct block_device ram0 = { .name = "ram0", .segs_max = BLOCK_SEGS_MAX };

static int
submit(struct block_device *d, struct block_request *r)
{
  char *at = (char *)pa_kva(machine.initrd.start) + r->sector * SECTOR;
  for(u32 i = 0; i < r->nsegs; i++){
    void *mem = pa_kva(r->segs[i].pa);
    if(r->op == BLOCK_READ)
      memcpy(mem, at, r->segs[i].len);
    else
      memcpy(at, mem, r->segs[i].len);
    at += r->segs[i].len;
  }
  block_complete(d, r, 0);
  return 0;
}

void
ramdisk_init(void)
{
  u64 bytes = machine.initrd.end - machine.initrd.start;
  if(bytes < SECTOR)
    return;
  ram0.sectors = bytes / SECTOR;
  ram0.submit = submit;
  block_register(&ram0);
}
