// SPDX-License-Identifier: MIT
//
// Blocks in memory, whose they are, the bitmap, and the share counts.

#include "mkfs/fsck/check.h"

enum { CHAINS = 1 << 14 };

struct block {
  u64 n;
  struct block *next;
  bool dirty;
  u64 data[QFS_BLOCK / 8];
};

static struct block *
find(u64 n)
{
  struct block *b;
  if(ck.cache == NULL)
    ck.cache = fsck_memory(CHAINS * sizeof *ck.cache);
  for(b = ck.cache[n % CHAINS]; b && b->n != n; b = b->next)
    ;
  return b;
}

static struct block *
enter(u64 n)
{
  struct block *b = fsck_memory(sizeof *b);
  b->n = n;
  b->next = ck.cache[n % CHAINS];
  ck.cache[n % CHAINS] = b;
  return b;
}

void *
block_get(u64 n)
{
  struct block *b = find(n);
  if(b)
    return b->data;
  b = enter(n);
  if(fsck_read(n, b->data) != 0){
    ck.failed = true;
    memset(b->data, 0, QFS_BLOCK);
  }
  return b->data;
}

void
block_dirty(u64 n)
{
  find(n)->dirty = true;
}

void
blocks_write(void)
{
  for(u32 i = 0; i < CHAINS; i++)
    for(struct block *b = ck.cache[i]; b; b = b->next)
      if(b->dirty && fsck_write(b->n, b->data) != 0)
        ck.failed = true;
}

// ---- Whose they are ----

bool
data_block(u64 n)
{
  return n >= ck.sb->data_start && n < ck.sb->blocks;
}

void
own_init(void)
{
  ck.owner = fsck_memory(ck.sb->blocks * sizeof *ck.owner);
  if(ck.sb->shares_blocks)
    ck.users = fsck_memory(ck.sb->blocks * sizeof *ck.users);
  ck.goal = ck.sb->data_start;
}

bool
own(u64 n, u64 ino)
{
  if(ck.owner[n])
    return false;
  ck.owner[n] = (u32)ino + 1 ? (u32)ino + 1 : 1;
  return true;
}

void
disown(u64 n)
{
  ck.owner[n] = 0;
  ck.goal = min(ck.goal, n);
}

u64
block_new(u64 ino, void **data)
{
  while(ck.goal < ck.sb->blocks && ck.owner[ck.goal])
    ck.goal++;
  u64 n = ck.goal;
  if(n == ck.sb->blocks)
    return 0;
  own(n, ino);
  struct block *b = find(n);
  if(b == NULL)
    b = enter(n);
  memset(b->data, 0, QFS_BLOCK);
  b->dirty = true;
  *data = b->data;
  return n;
}

// ---- The bitmap ----

static bool
in_use(u64 n)
{
  return n < ck.sb->data_start || n >= ck.sb->blocks || ck.owner[n];
}

// Mend the bits from `first` on, as long as they are wrong in the same way.
// => the first that is not
static u64
mend_run(u8 *bits, u64 from, u64 first)
{
  bool used = in_use(first);
  u64 n = first;
  for(; n < from + QFS_BITS && in_use(n) == used && get_bit(bits, n - from) != used; n++)
    flip_bit(bits, n - from);
  fault("mended", "blocks %lu to %lu: %s, but the bitmap says %s", first, n - 1,
        first >= ck.sb->blocks ? "past the end" : used ? "in use" : "free",
        used ? "free" : "in use");
  return n;
}

// => how many blocks are free, of those one block of the bitmap tells of
static u64
check_part(u64 k)
{
  u64 from = k * QFS_BITS, free = 0;
  u8 *bits = block_get(ck.sb->bitmap_start + k);
  for(u64 n = from; n < from + QFS_BITS; n++)
    if(in_use(n) != get_bit(bits, n - from)){
      n = mend_run(bits, from, n) - 1;
      block_dirty(ck.sb->bitmap_start + k);
    }
  for(u64 n = from; n < from + QFS_BITS; n++)
    free += !get_bit(bits, n - from);
  return free;
}

void
check_bitmap(void)
{
  u64 free = 0;
  for(u64 k = 0; k < ck.sb->bitmap_blocks; k++)
    free += check_part(k);
  if(free != ck.sb->free_blocks){
    fault("mended", "%lu blocks are free, the superblock says %lu", free, ck.sb->free_blocks);
    ck.sb->free_blocks = free;
    block_dirty(0);
  }
}

// ---- Share counts ----

static void
check_count(u32 *count, u64 n)
{
  u64 block = ck.sb->shares_start + n / QFS_SHARES;
  u32 right = n < ck.sb->blocks && ck.users[n] > 1 ? ck.users[n] - 1 : 0;
  if(right && ck.sb->shared == 0){
    fault("mended", "superblock: it says that no block was ever shared");
    ck.sb->shared = 1;
    block_dirty(0);
  }
  if(*count == right)
    return;
  fault("mended", "block %lu: %u pages more than one have it, its share count says %u", n, right,
        *count);
  *count = right;
  block_dirty(block);
}

void
check_shares(void)
{
  for(u64 k = 0; k < ck.sb->shares_blocks; k++){
    u32 *counts = block_get(ck.sb->shares_start + k);
    for(u64 i = 0; i < QFS_SHARES; i++)
      check_count(&counts[i], k * QFS_SHARES + i);
  }
}
