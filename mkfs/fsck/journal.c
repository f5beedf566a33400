// SPDX-License-Identifier: MIT
//
// The journal: what it holds is put, in memory, where it belongs.
//
// From the last transaction to the first: a block that was written, or freed, by a later
// one is left alone.

#include "mkfs/fsck/check.h"

static struct {
  struct qfs_super sb;           // as it was before anything is put over it
  u64 sequence;                  // of the transaction that would come next
  u64 *at, n, room;              // where each begins
  u8 *settled;                   // a bit a block
} j;

static void *area(u64 at) { return block_get(j.sb.journal_start + at); }

// Is that a block outside of the journal, or `freed` a run of them?
static bool
tag_ok(u64 tag, bool freed)
{
  u64 first = freed ? qfs_tag_block(tag) : tag, n = freed ? qfs_tag_freed(tag) : 1;
  u64 end = j.sb.journal_start + j.sb.journal_blocks;
  return n > 0 && n <= QFS_FREED_RUN && first < j.sb.blocks && n <= j.sb.blocks - first &&
         (first + n <= j.sb.journal_start || first >= end);
}

// Is there a whole transaction at block `at`?
static bool
whole(u64 at)
{
  const struct qfs_descriptor *d = area(at);
  if(d->magic != QFS_DESCRIPTOR_MAGIC || d->sequence != j.sequence || d->tags > QFS_TAGS ||
     d->blocks > d->tags || d->blocks + 2 > j.sb.journal_blocks - at)
    return false;
  for(u32 i = 0; i < d->tags; i++)
    if(!tag_ok(d->tag[i], i >= d->blocks))
      return false;
  u64 sum = j.sb.hash_seed;
  for(u64 i = 0; i <= d->blocks; i++)
    sum = qfs_sum(sum, area(at + i));
  const struct qfs_commit *c = area(at + 1 + d->blocks);
  return c->magic == QFS_COMMIT_MAGIC && c->sequence == j.sequence && c->sum == sum;
}

static void
find_transactions(void)
{
  for(u64 at = 1; at + 2 < j.sb.journal_blocks && whole(at); j.sequence++){
    if(j.n == j.room){
      u64 *more = fsck_memory((j.room = 64 + 2 * j.room) * sizeof *more);
      if(j.n)
        memcpy(more, j.at, j.n * sizeof *more);
      j.at = more;
    }
    j.at[j.n++] = at;
    at += ((struct qfs_descriptor *)area(at))->blocks + 2;
  }
}

static bool
settle(u64 block)
{
  bool was = get_bit(j.settled, block);
  if(!was)
    flip_bit(j.settled, block);
  return was;
}

static void
copy_home(u64 at)
{
  const struct qfs_descriptor *d = area(at);
  for(u32 i = d->blocks; i < d->tags; i++)
    for(u64 k = 0; k < qfs_tag_freed(d->tag[i]); k++)
      settle(qfs_tag_block(d->tag[i]) + k);
  for(u32 i = d->blocks; i-- > 0;)
    if(!settle(d->tag[i])){
      memcpy(block_get(d->tag[i]), area(at + 1 + i), QFS_BLOCK);
      block_dirty(d->tag[i]);
    }
}

// Nothing in the area may be taken for a transaction of the new count.
static void
make_anew(void)
{
  struct qfs_journal *head = area(0);
  fault("emptied", "journal: it has no header");
  for(u64 i = 0; i < j.sb.journal_blocks; i++){
    memset(area(i), 0, QFS_BLOCK);
    block_dirty(j.sb.journal_start + i);
  }
  *head = (struct qfs_journal){ QFS_JOURNAL_MAGIC, 1 };
}

u64
replay_journal(void)
{
  memset(&j, 0, sizeof j);
  j.sb = *ck.sb;
  const struct qfs_journal *head = area(0);
  if(head->magic != QFS_JOURNAL_MAGIC || (i64)head->sequence <= 0)
    make_anew();
  j.sequence = head->sequence;
  find_transactions();
  if(j.n)
    j.settled = fsck_memory(j.sb.blocks / 8 + 1);
  for(u64 i = j.n; i-- > 0;)
    copy_home(j.at[i]);
  return j.n;
}

void
empty_journal(void)
{
  struct qfs_journal *head = block_get(ck.sb->journal_start);
  head->sequence = j.sequence;
  if(fsck_write(ck.sb->journal_start, head) != 0 || fsck_flush() != 0)
    ck.failed = true;
}
