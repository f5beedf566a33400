// SPDX-License-Identifier: MIT
//
// The block bitmap: which blocks are in use; and by how many pages, the share counts.
//
// Locks: bits_lock, for a moment; the pages are got before it.

#include "fs/qfs.h"
#include "kernel/bits.h"
#include "kernel/printk.h"

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
  u64 first = round_down(block, QFS_BITS);
  frame_get(f, PIN_1);
  spin_lock(&fs->bits_lock);
  struct frame *old = fs->bitmap;
  fs->goal = block + 1;
  fs->bitmap = f;
  fs->bits = frame_kva(f);
  fs->first_bit = max(first, fs->sb->data_start);
  fs->nbits = min(first + QFS_BITS, fs->sb->blocks) - fs->first_bit;
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
i64
qfs_search(struct qfs *fs, u64 goal)
{
  if(!qfs_block_ok(fs, goal))
    goal = fs->sb->data_start;
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
  return likely(qfs_take(fs, goal)) ? (i64)goal : qfs_search(fs, goal);
}

u32
qfs_take_run(struct qfs *fs, u64 block, u32 n)
{
  spin_lock(&fs->bits_lock);
  u64 at = block - fs->first_bit, *word = fs->bits + block % QFS_BITS / 64, first = block % 64;
  n = at < fs->nbits ? min(min(fs->nbits - at, 64 - first), min((u64)n, fs->free_blocks / 8)) : 0;
  if(n > 0 && *word >> first)
    n = min(n, lowest_one(*word >> first));
  if(n > 0){
    *word |= ~0UL >> (64 - n) << first;
    fs->free_blocks -= n;
    fs->goal = block + n;
    qfs_meta_dirty(fs, fs->bitmap);
  }
  spin_unlock(&fs->bits_lock);
  return n;
}

static bool
is_used(const u64 *bits, u64 i)
{
  return bits[i / 64] >> (i % 64) & 1;
}

// ---- Share counts ----

static u32 *
counts(struct frame *f, u64 block)
{
  return (u32 *)frame_kva(f) + block % QFS_SHARES;
}

int
qfs_shares(struct qfs *fs, u64 block, u32 n, struct frame **f)
{
  *f = NULL;
  if(likely(!fs->sb->shared))
    return 0;
  int e = qfs_meta_get(fs, fs->sb->shares_start + block / QFS_SHARES, f);
  if(e)
    return e;
  for(u32 i = 0; i < n; i++)
    if(atomic_load(counts(*f, block) + i))
      return 0;
  qfs_meta_put(*f);
  *f = NULL;
  return 0;
}

void
qfs_share(struct qfs *fs, struct frame *f, u64 block, u32 n)
{
  spin_lock(&fs->bits_lock);
  for(u32 i = 0; i < n; i++)
    counts(f, block)[i]++;
  if(fs->sb->shared == 0){
    fs->sb->shared = 1;
    qfs_meta_dirty(fs, fs->sb_page);
  }
  spin_unlock(&fs->bits_lock);
  qfs_meta_dirty(fs, f);
}

// ---- Giving back ----

// The pages come first, because they can fail.  Bits and counts stay until the commit, so that
// nobody uses the blocks, or alone, while the disk still says that they are others'.
int
qfs_free(struct qfs *fs, u64 block, u32 n, bool meta)
{
  struct qfs_freed r = { .block = block, .n = n, .meta = meta };
  int e = bitmap_of(fs, block, &r.bitmap);
  if(e)
    return e;
  for(u32 i = 0; i < n && e == 0; i++)
    e = is_used(frame_kva(r.bitmap), (block + i) % QFS_BITS) ? 0 : -EUCLEAN;
  if(e)
    printk("qfs: %s: blocks %lu to %lu are not all in use\n", fs->super.source, block,
           block + n - 1);
  else if(!meta)
    e = qfs_shares(fs, block, n, &r.shares);
  for(u32 i = 0; meta && i < n && e == 0; i++)
    qfs_meta_forget(fs, block + i);
  if(e == 0)
    qfs_log_freed(fs, &r);
  if(r.shares)
    qfs_meta_put(r.shares);
  qfs_meta_put(r.bitmap);
  return e;
}

// bits_lock held.  => is the block free?  One without other users is
static bool
free_one(u64 *bits, u32 *count, u64 i)
{
  if(count && *count > 0){
    --*count;
    return false;
  }
  bool used = is_used(bits, i);
  bits[i / 64] &= ~(1UL << (i % 64));
  return used;
}

u32
qfs_free_in(struct qfs *fs, struct frame *bitmap, struct frame *shares, const struct qfs_freed *r)
{
  u32 n = 0;
  spin_lock(&fs->bits_lock);
  for(u32 i = 0; i < r->n; i++)
    n += free_one(frame_kva(bitmap), shares ? counts(shares, r->block) + i : NULL,
                  (r->block + i) % QFS_BITS);
  if(bitmap == r->bitmap)
    fs->free_blocks += n;
  spin_unlock(&fs->bits_lock);
  return n;
}

int
qfs_untake_run(struct qfs *fs, u64 block, u32 n)
{
  struct qfs_freed r = { .block = block, .n = n };
  int e = bitmap_of(fs, block, &r.bitmap);
  if(e)
    return e;
  qfs_free_in(fs, r.bitmap, NULL, &r);
  qfs_meta_dirty(fs, r.bitmap);
  qfs_meta_put(r.bitmap);
  atomic_store(&fs->goal, block);
  return 0;
}

void
qfs_untake(struct qfs *fs, u64 block)
{
  qfs_meta_forget(fs, block);
  qfs_untake_run(fs, block, 1);
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
  bool used = is_used(frame_kva(f), block % QFS_BITS);
  qfs_meta_put(f);
  return used ? 0 : -EUCLEAN;
}
