// SPDX-License-Identifier: MIT
//
// Recovery: what the journal holds goes to where it belongs.  It may be cut at any
// point and done again: the journal stays as it is until all of it is there.
//
// No locks: the file system is being mounted.  The journal's own page serves for
// descriptors, the scratch page for all other blocks.

#include "fs/qfs.h"
#include "kernel/printk.h"

// The transaction that is being looked at.
struct recovery {
  struct qfs *fs;
  struct qfs_descriptor *d;
  u64 at, sequence;
  struct radix freed;            // block -> the last transaction that freed it
};

static int
transfer(struct qfs *fs, enum block_op op, u64 block, void *buf)
{
  return block_rw(fs->device, op, block * (QFS_BLOCK / SECTOR), buf, QFS_BLOCK);
}

static bool
tags_ok(const struct recovery *r)
{
  const struct qfs_super *sb = r->fs->sb;
  const struct qfs_descriptor *d = r->d;
  if(d->tags > QFS_TAGS || d->blocks > d->tags || d->blocks + 2 > sb->journal_blocks - r->at)
    return false;
  for(u32 i = 0; i < d->tags; i++){
    bool freed = i >= d->blocks;
    u64 block = freed ? qfs_tag_block(d->tag[i]) : d->tag[i];
    u64 n = freed ? qfs_tag_freed(d->tag[i]) : 1;
    bool inside = block < sb->blocks && n > 0 && n <= QFS_FREED_RUN && n <= sb->blocks - block;
    bool journal = block < sb->journal_start + sb->journal_blocks && block + n > sb->journal_start;
    if(!inside || journal)
      return false;
  }
  return true;
}

// => 1: the descriptor of a transaction that was committed; 0: there is none any more
static int
look(struct recovery *r)
{
  struct qfs *fs = r->fs;
  u64 first = fs->sb->journal_start + r->at, sum;
  if(r->at + 2 >= fs->sb->journal_blocks)
    return 0;
  int e = transfer(fs, BLOCK_READ, first, r->d);
  if(e)
    return e;
  if(r->d->magic != QFS_DESCRIPTOR_MAGIC || r->d->sequence != r->sequence || !tags_ok(r))
    return 0;
  sum = qfs_sum(fs->sb->hash_seed, r->d);
  for(u32 i = 1; i <= r->d->blocks + 1; i++){
    if((e = transfer(fs, BLOCK_READ, first + i, fs->scratch)))
      return e;
    if(i <= r->d->blocks)
      sum = qfs_sum(sum, fs->scratch);
  }
  const struct qfs_commit *c = fs->scratch;
  return c->magic == QFS_COMMIT_MAGIC && c->sequence == r->sequence && c->sum == sum;
}

static int
note_freed(struct recovery *r)
{
  for(u32 i = r->d->blocks; i < r->d->tags; i++){
    u64 block = qfs_tag_block(r->d->tag[i]);
    for(u64 end = block + qfs_tag_freed(r->d->tag[i]); block < end; block++){
      int e = radix_insert(&r->freed, block, r->sequence, false);
      if(e == -EEXIST)
        radix_replace(&r->freed, block, r->sequence);
      else if(e)
        return e;
    }
  }
  return 0;
}

static int
replay(struct recovery *r)
{
  struct qfs *fs = r->fs;
  for(u32 i = 0; i < r->d->blocks; i++){
    if(radix_get(&r->freed, r->d->tag[i]) >= r->sequence)
      continue;
    int e = transfer(fs, BLOCK_READ, fs->sb->journal_start + r->at + 1 + i, fs->scratch);
    if(e == 0)
      e = transfer(fs, BLOCK_WRITE, r->d->tag[i], fs->scratch);
    if(e)
      return e;
  }
  return 0;
}

// Do something with every transaction from the first.
static int
each(struct recovery *r, u64 first, int (*fn)(struct recovery *r))
{
  int e;
  r->at = 1;
  r->sequence = first;
  while((e = look(r)) == 1 && (e = fn(r)) == 0){
    r->at += r->d->blocks + 2;
    r->sequence++;
  }
  return e;
}

static int
recover(struct recovery *r, u64 first)
{
  struct qfs *fs = r->fs;
  int e = each(r, first, note_freed);
  fs->log.running = r->sequence;
  if(e || r->sequence == first)
    return e;
  if(fs->super.read_only){
    printk("qfs: %s: has to be recovered, but is read-only\n", fs->device->name);
    return -EROFS;
  }
  printk("qfs: %s: recovering %lu transactions\n", fs->device->name, r->sequence - first);
  e = each(r, first, replay);
  if(e == 0)
    e = qfs_flush(fs);
  if(e == 0)
    e = qfs_log_begin_anew(fs);
  return e ? e : transfer(fs, BLOCK_READ, 0, fs->sb);
}

int
qfs_recover(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  int e = qfs_meta_get(fs, fs->sb->journal_start, &g->head);
  if(e)
    return e;
  struct recovery r = { .fs = fs, .d = frame_kva(g->head) };
  const struct qfs_journal *head = frame_kva(g->head);
  if(head->magic != QFS_JOURNAL_MAGIC || (i64)head->sequence <= 0)
    return -EUCLEAN;
  e = recover(&r, head->sequence);
  radix_destroy(&r.freed);
  g->at = 1;
  return e;
}
