// SPDX-License-Identifier: MIT
//
// The block bitmap: which blocks are in use.
//
// Locks: bits_lock, for a moment; the bitmap's page is got before it.

#include "fs/qfs.h"
#include "kernel/bits.h"
#include "kernel/printk.h"

// How many bits of x are 1: sums of 2, 4, 8 bits side by side, then of all bytes.
static u32
count_ones(u64 x)
{
  x -= x >> 1 & 0x5555555555555555UL;
  x = (x & 0x3333333333333333UL) + (x >> 2 & 0x3333333333333333UL);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
  return (x * 0x0101010101010101UL) >> 56;
}

// The page of the bitmap that tells of a block, pinned.
static int
bitmap_of(struct qfs *fs, u64 block, struct frame **f)
{
  return qfs_meta_get(fs, fs->sb->bitmap_start + block / QFS_BITS, f);
}

// Take the first free block with its bit in [from, to) of a page of the bitmap.
// => its bit, or `to`
static u32
take_bit(struct qfs *fs, u64 *bits, u32 from, u32 to)
{
  spin_lock(&fs->bits_lock);
  u32 i = fs->free_blocks > 0 ? bits_find(bits, from, to, false) : to;
  if(i < to){
    bits[i / 64] |= 1UL << (i % 64);
    fs->free_blocks--;
  }
  spin_unlock(&fs->bits_lock);
  return i;
}

// Blocks are likely to be found where one was just now.
static void
remember(struct qfs *fs, u64 block, struct frame *f)
{
  frame_get(f, PIN_1);
  spin_lock(&fs->bits_lock);
  struct frame *old = fs->bitmap;
  fs->goal = block + 1;
  fs->bitmap = f;
  fs->bitmap_at = block / QFS_BITS;
  spin_unlock(&fs->bits_lock);
  if(old)
    qfs_meta_put(old);
}

void
qfs_alloc_end(struct qfs *fs)
{
  if(fs->bitmap)
    qfs_meta_put(fs->bitmap);
}

// Take `block` itself, if it is free and the bitmap at hand tells of it.  => done?
static inline bool
take_this(struct qfs *fs, u64 block)
{
  bool taken = false;
  spin_lock(&fs->bits_lock);
  if(fs->bitmap && fs->bitmap_at == block / QFS_BITS){
    u64 *word = (u64 *)frame_kva(fs->bitmap) + block % QFS_BITS / 64, bit = 1UL << (block % 64);
    taken = !(*word & bit);
    if(taken){
      *word |= bit;
      fs->free_blocks--;
      fs->goal = block + 1;
      qfs_meta_dirty(fs, fs->bitmap);
    }
  }
  spin_unlock(&fs->bits_lock);
  return taken;
}

// Take a free block that bitmap block k tells of, at or after bit `from`.
// => 0, -ENOSPC (none there), -EIO, -ENOMEM
static int
alloc_in(struct qfs *fs, u64 k, u32 from, u64 *block)
{
  u64 first = k * QFS_BITS;
  u32 to = min((u64)QFS_BITS, fs->sb->blocks - first);
  if(first < fs->sb->data_start)
    from = max((u64)from, min(fs->sb->data_start - first, (u64)to));
  struct frame *f;
  int e = bitmap_of(fs, first, &f);
  if(e)
    return e;
  u32 i = take_bit(fs, frame_kva(f), from, to);
  if(i < to){
    qfs_meta_dirty(fs, f);
    *block = first + i;
    remember(fs, *block, f);
  }
  qfs_meta_put(f);
  return i < to ? 0 : -ENOSPC;
}

// A full disk is known without a search.
static __attribute__((noinline)) i64
search(struct qfs *fs, u64 goal)
{
  u64 n = fs->sb->bitmap_blocks, k = goal / QFS_BITS, block;
  int e = alloc_in(fs, k, goal % QFS_BITS, &block);
  for(u64 tries = 0; e == -ENOSPC && tries < n && atomic_load(&fs->free_blocks) > 0; tries++){
    k = (k + 1) % n;
    e = alloc_in(fs, k, 0, &block);
  }
  return e ? e : (i64)block;
}

i64
qfs_alloc(struct qfs *fs, u64 goal)
{
  goal = goal ? goal : atomic_load(&fs->goal);
  if(unlikely(!qfs_block_ok(fs, goal)))
    goal = fs->sb->data_start;
  return likely(take_this(fs, goal)) ? (i64)goal : search(fs, goal);
}

// Clear n bits.  => how many were 1
static u32
clear_bits(struct qfs *fs, u64 *bits, u32 from, u32 n)
{
  u32 cleared = 0;
  spin_lock(&fs->bits_lock);
  for(u32 i = from; i < from + n; i++){
    u64 bit = 1UL << (i % 64);
    cleared += (bits[i / 64] & bit) != 0;
    bits[i / 64] &= ~bit;
  }
  fs->free_blocks += cleared;
  spin_unlock(&fs->bits_lock);
  return cleared;
}

// The bitmap comes first, because it can fail; and metadata leaves memory before
// somebody else can get the block.
int
qfs_free(struct qfs *fs, u64 block, u32 n, bool meta)
{
  struct frame *f;
  int e = bitmap_of(fs, block, &f);
  if(e)
    return e;
  for(u32 i = 0; meta && i < n; i++)
    qfs_meta_forget(fs, block + i);
  u32 cleared = clear_bits(fs, frame_kva(f), block % QFS_BITS, n);
  qfs_meta_dirty(fs, f);
  qfs_meta_put(f);
  if(cleared == n)
    return 0;
  printk("qfs: %s: blocks %lu to %lu were not all in use\n", fs->super.source, block,
         block + n - 1);
  return -EUCLEAN;
}

int
qfs_check_used(struct qfs *fs, u64 block)
{
  struct frame *f;
  if(!qfs_block_ok(fs, block))
    return -EUCLEAN;
  int e = bitmap_of(fs, block, &f);
  if(e)
    return e;
  const u64 *bits = frame_kva(f);
  u64 i = block % QFS_BITS;
  bool used = bits[i / 64] >> (i % 64) & 1;
  qfs_meta_put(f);
  return used ? 0 : -EUCLEAN;
}

// Bits past the end of the device are 1, as if in use.
int
qfs_count_free(struct qfs *fs)
{
  u64 total = 0;
  for(u64 k = 0; k < fs->sb->bitmap_blocks; k++){
    struct frame *f;
    int e = bitmap_of(fs, k * QFS_BITS, &f);
    if(e)
      return e;
    const u64 *bits = frame_kva(f);
    for(u32 i = 0; i < QFS_BITS / 64; i++)
      total += count_ones(~bits[i]);
    qfs_meta_put(f);
  }
  fs->free_blocks = total;
  return 0;
}
