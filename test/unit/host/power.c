// SPDX-License-Identifier: MIT
//
// States of a disk after a power failure, and recovery from them.

#include "power.h"

u32 lies;
u64 states;

// A write, or some sectors of it.
static void
apply(const struct disk_event *v, bool torn)
{
  for(u32 at = 0; at < v->len; at += SECTOR)
    if(!torn || below(2))
      memcpy(disk_bytes + v->at + at, v->data + at, SECTOR);
}

u64
power_since(const struct disk_event *v, u64 p)
{
  while(p > 0 && v[p - 1].op != BLOCK_FLUSH)
    p--;
  return p;
}

void
power_cut(const struct disk_event *v, u64 p, enum cut how, u64 one)
{
  u64 flushed = power_since(v, p), share = 2 + below(2);
  if(how == CUT_ANY){
    how = (enum cut)min(below(4), (u64)CUT_RANDOM);
    one = flushed + below(p - flushed + 1);
  }
  for(u64 i = 0; i < p; i++){
    bool there = i < flushed || how == CUT_NONE || (how == CUT_ONE ? i != one : below(4) >= share);
    bool torn = !there && how != CUT_NONE && below(4) == 0;
    if(v[i].op == BLOCK_WRITE && (there || torn))
      apply(&v[i], torn);
  }
}

// Recovery ends after some of its own writes; it is for the next one then.
static void
crash_again(u32 times)
{
  static u8 before[4 << 20];
  assert(disk_size <= sizeof before);
  for(; times > 0; times--){
    memcpy(before, disk_bytes, disk_size);
    disk_record(true);
    if(mount_disk() == 0)
      unmount_disk();
    disk_record(false);
    memcpy(disk_bytes, before, disk_size);
    power_cut(disk_events, below(disk_nevents + 1), CUT_ANY, 0);
  }
}

void
power_check(void (*check)(u64 p), u64 p)
{
  states++;
  if(below(4) == 0 && disk_check(false) != FSCK_SOUND)
    lie("fsck finds fault");
  crash_again(below(5) == 0 ? 1 + (u32)below(2) : 0);
  int e = mount_disk();
  if(e){
    lie("mount: error %d", e);
    return;
  }
  if(qfs_of(qfs_inode(super->root))->sb->orphans)
    lie("what has no name is not freed");
  check(p);
  unmount_disk();
  if(disk_check(false) != FSCK_SOUND)
    lie("fsck finds fault after recovery");
}

void
power_fill_free_blocks(void)
{
  const struct qfs_super *sb = (struct qfs_super *)disk_bytes;
  const u8 *bits = disk_bytes + sb->bitmap_start * QFS_BLOCK;
  for(u64 n = 0; n < sb->blocks; n++)
    if(!(bits[n / 8] >> (n % 8) & 1))
      memset(disk_bytes + n * QFS_BLOCK, 0xee, QFS_BLOCK);
}

// ---- Contents of files ----

void
contents_stamp(struct contents *c, u32 from, u32 to, u32 value)
{
  for(u32 k = min(c->sectors, from); k < to; k++)
    c->stamp[k] = k < from ? 0 : value;
  c->sectors = max(c->sectors, to);
}

static const struct contents *
after_step(const struct contents *c, u64 distance, u32 step)
{
  return (const void *)((const char *)c + step * distance);
}

// What was cut off may be gone before the file is shorter.
static bool
sector_is(const struct contents *c, u64 distance, u32 k, u32 value, u32 from, u32 to)
{
  bool cut = false;
  for(u32 s = from; s <= to; s++){
    const struct contents *then = after_step(c, distance, s);
    if(k < then->sectors ? value == then->stamp[k] : cut && value == 0)
      return true;
    cut |= k < then->sectors;
  }
  return false;
}

void
contents_check(struct inode *i, const struct contents *c, u64 distance, u32 from, u32 to)
{
  enum { WORDS = SECTOR / sizeof(u32) };
  static u32 bytes[POWER_SECTORS * WORDS];
  u64 size = i->object.size;
  bool known = false;
  for(u32 s = from; s <= to; s++)
    known |= size == after_step(c, distance, s)->sectors * SECTOR;
  if(!known || object_read_kernel(&i->object, 0, bytes, size) != (i64)size){
    lie("inode %lu: %lu bytes, or not readable (steps %u to %u)", i->ino, size, from, to);
    return;
  }
  for(u32 k = 0; k < size / SECTOR; k++){
    u32 *w = bytes + k * WORDS;
    for(u32 b = 1; b < WORDS; b++)
      if(w[b] != w[0])
        lie("inode %lu: sector %u is torn", i->ino, k);
    if(!sector_is(c, distance, k, w[0], from, to))
      lie("inode %lu: sector %u has %x (steps %u to %u)", i->ino, k, w[0], from, to);
  }
}
