// SPDX-License-Identifier: MIT
//
// Replaying a journal, written from qfs_format.h alone.

#include "mkfs/replay.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fs/qfs_format.h"

static bool
tag_ok(const struct qfs_super *sb, u64 first, u64 n)
{
  u64 journal_end = sb->journal_start + sb->journal_blocks;
  return n > 0 && n <= QFS_FREED_RUN && first < sb->blocks && n <= sb->blocks - first &&
         (first + n <= sb->journal_start || first >= journal_end);
}

// Is there a whole transaction at block `at` of the journal?
static bool
whole(const char *image, u64 at, u64 sequence)
{
  const struct qfs_super *sb = (const struct qfs_super *)image;
  const char *area = image + sb->journal_start * QFS_BLOCK;
  const struct qfs_descriptor *d = (const struct qfs_descriptor *)(area + at * QFS_BLOCK);
  if(at + 2 >= sb->journal_blocks || d->magic != QFS_DESCRIPTOR_MAGIC || d->sequence != sequence ||
     d->tags > QFS_TAGS || d->blocks > d->tags || d->blocks + 2 > sb->journal_blocks - at)
    return false;
  for(u32 i = 0; i < d->tags; i++)
    if(!tag_ok(sb, qfs_tag_block(d->tag[i]), i < d->blocks ? 1 : qfs_tag_freed(d->tag[i])))
      return false;
  u64 sum = sb->hash_seed;
  for(u64 i = 0; i <= d->blocks; i++)
    sum = qfs_sum(sum, area + (at + i) * QFS_BLOCK);
  const struct qfs_commit *c = (const void *)(area + (at + 1 + d->blocks) * QFS_BLOCK);
  return c->magic == QFS_COMMIT_MAGIC && c->sequence == sequence && c->sum == sum;
}

// freed[block]: one more than the place of the last transaction that freed it.
static void
note_freed(const struct qfs_descriptor *d, u64 at, u32 *freed)
{
  for(u32 i = d->blocks; i < d->tags; i++)
    for(u64 k = 0; k < qfs_tag_freed(d->tag[i]); k++)
      freed[qfs_tag_block(d->tag[i]) + k] = (u32)at + 1;
}

// => how many blocks of the journal the transaction takes
static u64
copy_home(char *image, const char *area, u64 at, const u32 *freed)
{
  const struct qfs_descriptor *d = (const struct qfs_descriptor *)(area + at * QFS_BLOCK);
  for(u32 i = 0; i < d->blocks; i++)
    if(freed[d->tag[i]] < at + 1)
      memcpy(image + d->tag[i] * QFS_BLOCK, area + (at + 1 + i) * QFS_BLOCK, QFS_BLOCK);
  return d->blocks + 2;
}

i64
replay_journal(char *image, u64 *next)
{
  const struct qfs_super sb = *(const struct qfs_super *)image;
  const char *area = image + sb.journal_start * QFS_BLOCK;
  const struct qfs_journal *head = (const struct qfs_journal *)area;
  if(head->magic != QFS_JOURNAL_MAGIC || head->sequence == 0)
    return -EUCLEAN;
  u32 *freed = calloc(sb.blocks, sizeof *freed);
  if(freed == NULL)
    return -ENOMEM;
  i64 n = 0;
  u64 at = 1, end;
  for(; whole(image, at, head->sequence + n); n++){
    const struct qfs_descriptor *d = (const void *)(area + at * QFS_BLOCK);
    note_freed(d, at, freed);
    at += d->blocks + 2;
  }
  *next = head->sequence + n;
  for(end = at, at = 1; at < end; )
    at += copy_home(image, area, at, freed);
  free(freed);
  return n;
}
