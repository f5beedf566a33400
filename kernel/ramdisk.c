// SPDX-License-Identifier: MIT
//
// The initrd range of memory as the block device ram0.  Requests end before
// submit returns; a run from it depends on nothing outside the machine.

#include "kernel/block.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include <machine.h>

static struct block_device ram0 = { .name = "ram0", .pages_max = BLOCK_PAGES_MAX };

static int
submit(struct block_device *d, struct block_request *r)
{
  char *at = (char *)pa_kva(machine.initrd.start) + r->sector * SECTOR;
  for(u32 i = 0, len; i < block_pieces(r); i++, at += len){
    void *mem = block_piece(r, i, &len);
    memcpy(r->op == BLOCK_READ ? mem : at, r->op == BLOCK_READ ? at : mem, len);
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
