// SPDX-License-Identifier: MIT
//
// Disks in memory: ram0, the initrd range, and ram1, empty and of the size that
// the boot setting ramdisk= gives.  Requests end before submit returns; a run from
// them depends on nothing outside the machine.

#include "kernel/block.h"
#include "kernel/bootargs.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include <machine.h>

enum { CHUNK = 64 * KiB };

struct ramdisk {
  struct block_device device;
  u64 chunk_size;
  char **chunk;                // where each lies
};

static inline void
move(void *to, const void *from, u64 n)
{
  if(n == PAGE_SIZE && ((u64)to | (u64)from) % sizeof(u64) == 0)
    page_copy(to, from);
  else
    memcpy(to, from, n);
}

static int
submit(struct block_device *device, struct block_request *r)
{
  struct ramdisk *d = container_of(device, struct ramdisk, device);
  u64 at = r->sector * SECTOR, left = 0;     // left: of the chunk, from `disk` on
  char *disk = NULL;
  for(u32 i = 0, n = block_pieces(r), len; i < n; i++){
    char *mem = block_piece(r, i, &len);
    for(u64 part; len > 0; len -= part, at += part, mem += part, disk += part, left -= part){
      if(left == 0){
        left = d->chunk_size - at % d->chunk_size;
        disk = d->chunk[at / d->chunk_size] + at % d->chunk_size;
      }
      part = min(len, left);
      if(r->op == BLOCK_READ)
        move(mem, disk, part);
      else
        move(disk, mem, part);
    }
  }
  block_complete(device, r, 0);
  return 0;
}

static void
add(struct ramdisk *d, const char *name, u64 bytes)
{
  strlcpy(d->device.name, name, sizeof d->device.name);
  d->device.pages_max = BLOCK_PAGES_MAX;
  d->device.sectors = bytes / SECTOR;
  d->device.submit = submit;
  block_register(&d->device);
}

// => 0 or -ENOMEM, and nothing is held
static int
make_chunks(struct ramdisk *d, u64 n)
{
  d->chunk_size = CHUNK;
  d->chunk = kmalloc(n * sizeof *d->chunk);
  if(d->chunk == NULL)
    return -ENOMEM;
  for(u64 i = 0; i < n; i++)
    if((d->chunk[i] = kzalloc(CHUNK)) == NULL){
      while(i-- > 0)
        kfree(d->chunk[i]);
      kfree(d->chunk);
      return -ENOMEM;
    }
  return 0;
}

static void
make_empty(void)
{
  static struct ramdisk ram1;
  u64 size = bootarg_size("ramdisk");
  if(size == 0)
    return;
  size = round_up(size, SECTOR);
  if(size > frames_free() * PAGE_SIZE || make_chunks(&ram1, (size + CHUNK - 1) / CHUNK))
    printk("ramdisk: not enough memory for %lu KiB\n", size / KiB);
  else
    add(&ram1, "ram1", size);
}

void
ramdisk_init(void)
{
  static struct ramdisk ram0;
  static char *initrd;
  u64 bytes = machine.initrd.end - machine.initrd.start;
  if(bytes >= SECTOR){
    initrd = pa_kva(machine.initrd.start);
    ram0.chunk = &initrd;
    ram0.chunk_size = bytes;
    add(&ram0, "ram0", bytes);
  }
  make_empty();
}
