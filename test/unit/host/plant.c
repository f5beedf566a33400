// SPDX-License-Identifier: MIT
//
// Wrong disks, recoveries and file systems.  The calls of other files to qfs_journal.c and
// qfs_orphans_load come here first (the linker's --wrap).

#include "fs/qfs.h"
#include "plant.h"

// ---- Disks ----

static bool
begins_with(const struct disk_event *v, u64 magic)
{
  return v->op == BLOCK_WRITE && *(const u64 *)v->data == magic;
}

bool disk_is_commit(const struct disk_event *v) { return begins_with(v, QFS_COMMIT_MAGIC); }

// The flush before each commit record is left out; the one after it.
void
no_flush_before(struct disk_event *v, u64 n)
{
  for(u64 i = 1; i < n; i++)
    if(disk_is_commit(&v[i]) && v[i - 1].op == BLOCK_FLUSH)
      v[i - 1].op = BLOCK_READ;
}

void
no_flush_after(struct disk_event *v, u64 n)
{
  for(u64 i = 0; i + 1 < n; i++)
    if(disk_is_commit(&v[i]) && v[i + 1].op == BLOCK_FLUSH)
      v[i + 1].op = BLOCK_READ;
}

// The one before the journal begins anew.
void
no_flush_at_home(struct disk_event *v, u64 n)
{
  for(u64 i = 1; i < n; i++)
    if(begins_with(&v[i], QFS_JOURNAL_MAGIC) && v[i - 1].op == BLOCK_FLUSH)
      v[i - 1].op = BLOCK_READ;
}

// Each commit record goes out before what it commits, as far as the flush before that.
void
commit_first(struct disk_event *v, u64 n)
{
  for(u64 i = 1; i < n; i++)
    for(u64 k = i; disk_is_commit(&v[k]) && k > 1 && (k == i || v[k - 1].op == BLOCK_WRITE); k--){
      struct disk_event commit = v[k];
      v[k] = v[k - 1];
      v[k - 1] = commit;
    }
}

// Recovery does not look at the last transaction that there is.
void
stop_early(u8 *image, u64 p)
{
  struct qfs_super *sb = (struct qfs_super *)image;
  struct qfs_commit *last = NULL;
  u8 *area = image + sb->journal_start * QFS_BLOCK;
  u64 sequence = ((struct qfs_journal *)area)->sequence;
  for(u64 at = 1; at < sb->journal_blocks; at++){
    struct qfs_commit *c = (struct qfs_commit *)(area + at * QFS_BLOCK);
    if(c->magic == QFS_COMMIT_MAGIC && c->sequence == sequence){
      last = c;
      sequence++;
    }
  }
  if(last)
    last->sum++;
}

// ---- The file system ----

enum plant planted;

#define WRAP(type, name, ...)        \
  type __real_##name(__VA_ARGS__);   \
  type __wrap_##name(__VA_ARGS__);   \
  type __wrap_##name(__VA_ARGS__)

WRAP(void, qfs_log_freed, struct qfs *fs, const struct qfs_freed *r)
{
  struct qfs_freed unmarked = *r;
  if(!r->meta && planted == (r->shares ? UNSHARED_AT_ONCE : FREED_AT_ONCE)){
    qfs_meta_dirty(fs, r->bitmap);
    if(r->shares)
      qfs_meta_dirty(fs, r->shares);
    qfs_free_in(fs, r->bitmap, r->shares, r);
    return;
  }
  unmarked.meta &= planted != FREED_UNMARKED;
  __real_qfs_log_freed(fs, &unmarked);
}

WRAP(void, qfs_log_data, struct qfs *fs, struct qfs_inode *qi)
{
  if(planted != DATA_LATE || qi->reach << PAGE_SHIFT > qi->disk->size)
    __real_qfs_log_data(fs, qi);
}

WRAP(void, qfs_log_page, struct qfs *fs, struct frame *f)
{
  const struct qfs_dirblock *b = frame_kva(f);
  if(planted == INDEX_ALONE && qfs_dirblock_ok(b) && b->head.level > 0)
    object_mark_dirty(&fs->meta, f);
  else
    __real_qfs_log_page(fs, f);
}

WRAP(int, qfs_orphans_load, struct qfs *fs)
{
  return planted == ORPHANS_STAY ? 0 : __real_qfs_orphans_load(fs);
}
