// SPDX-License-Identifier: MIT
//
// The journal: metadata that an operation changes goes to the disk as one, or not at
// all.  Format and recovery: qfs_format.h, qfs_recover.c.
//
// Changes gather in the running transaction.  A commit lets no operation begin and
// waits for those that are under way; then nothing changes, and the pages can
// be written as they lie: file data first that new pointers or sizes lead to, then
// descriptor and blocks, a flush, the commit record, a flush.  From then on the
// pages are dirty like those of any object and go home by its write-back, but never
// while an operation might change them.  When the area is used up all of them
// are sent home, and it begins anew.
//
// What a commit needs is set aside when the file system is mounted, so that it can be
// made without memory, and waits for nothing but the disk and open handles.
// Those wait for memory and the disk, never for a commit: qfs_begin comes first.  The
// reaper writes pages of files without a handle, metadata if no handle is open; it may
// begin one, but never waits for it.
//
// Locks: the turn (`busy`) > handles > the rest of qfs.  log.lock is innermost.

#include <machine.h>
#include "fs/qfs.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/slab.h"

// What one operation may change at most; a larger one is made of several.
//   blocks   11 tree blocks and as many of the bitmap when a sparse file grows, the inode
//   freed    QFS_CUT_RUNS, and what it took in vain
enum { HANDLE_BLOCKS = 24, HANDLE_FREED = QFS_CUT_RUNS + 4 };
// A transaction's tags fit its descriptor; one more block is the superblock.
enum { ROOM = 251, FREED_MAX = QFS_TAGS - ROOM - 1 };
_Static_assert(QFS_JOURNAL_MIN >= HANDLE_BLOCKS + 4, "an operation fits the smallest journal");

// ---- Handles ----

// What operations under way have taken counts before they end: who then counts itself
// among them sees how many there may be besides.  log.lock is held.
static void
limit(struct qfs_log *g)
{
  u32 blocks = (g->room - min(g->n, g->room)) / HANDLE_BLOCKS;
  u32 freed = (FREED_MAX - g->nfreed) / HANDLE_FREED;
  atomic_store_rel(&g->most, g->closed ? 0 : min(blocks, freed));
}

int
qfs_begin_slow(struct qfs *fs)
{
  int e = 0;
  while(!qfs_try_begin(fs) && e == 0)
    e = qfs_settle(fs);
  return e;
}

void
qfs_log_wake(struct qfs *fs)
{
  spin_lock(&fs->log.lock);
  wake_all(&fs->log.changed);
  spin_unlock(&fs->log.lock);
}

bool
qfs_freed_soon(struct qfs *fs)
{
  struct qfs_inode *qi;
  bool soon = atomic_load(&fs->log.nfreed) > 0;
  spin_lock(&fs->bits_lock);
  list_for(qi, &fs->orphans, orphan)
    soon |= qi->evicted;
  spin_unlock(&fs->bits_lock);
  return soon;
}

bool
qfs_worth_again(struct qfs *fs, int e)
{
  return e == -EAGAIN || (e == -ENOSPC && qfs_freed_soon(fs) && qfs_settle(fs) == 0);
}

// ---- What belongs to the running transaction ----

void
qfs_log_page(struct qfs *fs, struct frame *f)
{
  struct qfs_log *g = &fs->log;
  spin_lock(&g->lock);
  if(f->hint == 0){
    assert(g->n <= g->room);
    frame_get(f, PIN_1);
    if(g->n == 0)
      g->since = machine_time_ns();
    g->page[++g->n] = f;
    atomic_store(&f->hint, g->n);
    limit(g);
  }
  spin_unlock(&g->lock);
}

void
qfs_log_freed(struct qfs *fs, struct frame *bitmap, u64 block, u32 n, bool meta)
{
  struct qfs_log *g = &fs->log;
  qfs_meta_dirty(fs, bitmap);
  spin_lock(&g->lock);
  struct qfs_freed *last = g->nfreed ? &g->freed[g->nfreed - 1] : NULL;
  if(last && last->bitmap == bitmap && !last->meta && !meta && last->block + last->n == block){
    last->n += n;
  } else {
    assert(g->nfreed < FREED_MAX);
    g->freed[g->nfreed] = (struct qfs_freed){ bitmap, block, n, meta };
    g->nfreed++;
    limit(g);
  }
  g->freed_blocks += n;
  spin_unlock(&g->lock);
}

void
qfs_log_data(struct qfs *fs, struct qfs_inode *qi)
{
  struct qfs_log *g = &fs->log;
  spin_lock(&g->lock);
  if(list_empty(&qi->ordered)){
    object_get(&qi->vfs.object);
    list_append(&g->ordered, &qi->ordered);
  }
  spin_unlock(&g->lock);
}

static struct qfs_inode *
take_data(struct qfs_log *g)
{
  struct qfs_inode *qi = NULL;
  spin_lock(&g->lock);
  if(!list_empty(&g->ordered)){
    qi = list_first(&g->ordered, struct qfs_inode, ordered);
    list_remove(&qi->ordered);
  }
  spin_unlock(&g->lock);
  return qi;
}

// The data that new metadata leads to; of files that others go on writing to, what there
// is now.  Pages that cannot be written stay dirty; who asks for the file to be synced is
// told.
static void
write_data(struct qfs_log *g)
{
  struct qfs_inode *qi;
  u32 files = 0;
  spin_lock(&g->lock);
  list_for(qi, &g->ordered, ordered)
    files++;
  spin_unlock(&g->lock);
  for(; files > 0 && (qi = take_data(g)); files--){
    object_sync(&qi->vfs.object, 0, ~0UL);
    object_put(&qi->vfs.object);
  }
}

// ---- Closing and opening ----

static bool
take_turn(struct qfs_log *g, bool wait)
{
  spin_lock(&g->lock);
  while(g->busy && wait)
    wait_io(&g->changed, &g->lock);
  bool mine = !g->busy;
  g->busy = true;
  spin_unlock(&g->lock);
  return mine;
}

// Nothing changes any more, if it is so now or once we have waited.
static bool
close(struct qfs_log *g, bool wait)
{
  spin_lock(&g->lock);
  g->closed = true;
  limit(g);
  atomic_fence();
  while(wait && atomic_load(&g->handles) > 0)
    wait_io(&g->changed, &g->lock);
  bool still = atomic_load(&g->handles) == 0;
  spin_unlock(&g->lock);
  return still;
}

static void
open(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  spin_lock(&g->lock);
  g->closed = fs->super.read_only;
  limit(g);
  g->busy = false;
  wake_all(&g->changed);
  spin_unlock(&g->lock);
}

bool
qfs_log_stop(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  if(!take_turn(g, false))
    return false;
  if(g->err == 0 && close(g, false))
    return true;
  open(fs);
  return false;
}

void qfs_log_go_on(struct qfs *fs) { open(fs); }

int
qfs_settle(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  if(!atomic_load(&g->closed) && !fs->super.read_only){
    qfs_commit(fs, atomic_load(&g->running));
    qfs_orphans_free(fs);
  }
  spin_lock(&g->lock);
  while(g->closed && !fs->super.read_only)
    wait_io(&g->changed, &g->lock);
  spin_unlock(&g->lock);
  return fs->super.read_only ? -EROFS : 0;
}

// ---- A commit: nothing changes meanwhile ----

// Pages that were metadata when they were changed, and are no more, are left out.
static void
drop_forgotten(struct qfs_log *g)
{
  u32 n = 0;
  for(u32 i = 1; i <= g->n; i++){
    struct frame *f = g->page[i];
    if(word_share(atomic_load(&f->word))){
      g->page[++n] = f;
    } else {
      f->hint = 0;
      frame_put(f, PIN_1);
    }
  }
  g->n = n;
}

// What was freed can be used again once this is on the disk.
static void
seal(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  struct qfs_descriptor *d = frame_kva(g->page[0]);
  for(u32 i = 0; i < g->nfreed; i++)
    qfs_free_now(fs, &g->freed[i]);
  fs->sb->free_blocks = fs->free_blocks;
  fs->sb->checksum = qfs_super_checksum(fs->sb);
  qfs_meta_dirty(fs, fs->sb_page);
  drop_forgotten(g);

  d->magic = QFS_DESCRIPTOR_MAGIC;
  d->sequence = g->running;
  d->blocks = d->tags = g->n;
  d->zero = 0;
  for(u32 i = 0; i < g->n; i++)
    d->tag[i] = g->page[1 + i]->index;
  for(u32 i = 0; i < g->nfreed; i++)
    if(g->freed[i].meta)
      d->tag[d->tags++] = g->freed[i].block | (u64)g->freed[i].n << 32;
  memset(&d->tag[d->tags], 0, (QFS_TAGS - d->tags) * sizeof(u64));
}

// One sector of the journal, from the page set aside.
static int
write_sector(struct qfs *fs, u64 at, const void *data, u64 n)
{
  u64 sector = (fs->sb->journal_start + at) * (QFS_BLOCK / SECTOR);
  sleep_lock(&fs->scratch_lock);
  memset(fs->scratch, 0, SECTOR);
  memcpy(fs->scratch, data, n);
  int e = block_rw(fs->device, BLOCK_WRITE, sector, fs->scratch, SECTOR);
  sleep_unlock(&fs->scratch_lock);
  return e;
}

static int
write_blocks(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  struct qfs_io io;
  qfs_io_begin(&io, fs, BLOCK_WRITE);
  qfs_io_add(&io, fs->sb->journal_start + g->at, g->page, 1 + g->n);
  int e = qfs_io_end(&io);
  return e ? e : qfs_flush(fs);
}

static int
write_commit(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  struct qfs_commit c = { QFS_COMMIT_MAGIC, g->running, fs->sb->hash_seed };
  for(u32 i = 0; i <= g->n; i++)
    c.sum = qfs_sum(c.sum, frame_kva(g->page[i]));
  int e = write_sector(fs, g->at + 1 + g->n, &c, sizeof c);
  return e ? e : qfs_flush(fs);
}

static void
let_pages_go(struct qfs *fs, bool dirty)
{
  struct qfs_log *g = &fs->log;
  for(u32 i = 1; i <= g->n; i++){
    atomic_store(&g->page[i]->hint, 0);
    if(dirty)
      object_mark_dirty(&fs->meta, g->page[i]);
    frame_put(g->page[i], PIN_1);
  }
  g->n = g->nfreed = 0;
  g->freed_blocks = 0;
}

static int
write_transaction(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  seal(fs);
  int e = write_blocks(fs);
  if(e == 0)
    e = write_commit(fs);
  if(e)
    return e;
  g->at += g->n + 2;
  let_pages_go(fs, true);
  g->since = machine_time_ns();
  atomic_store(&g->running, g->running + 1);
  return 0;
}

int
qfs_log_begin_anew(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  struct qfs_journal head = { QFS_JOURNAL_MAGIC, g->running };
  g->at = 1;
  return write_sector(fs, 0, &head, sizeof head);
}

// All metadata goes to where it belongs.  Afterwards none is dirty, so that nobody else
// writes any when operations begin again.
static int
go_home(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  atomic_store(&g->going_home, true);
  int e = object_sync(&fs->meta, 0, ~0UL);
  atomic_store(&g->going_home, false);
  if(e == 0)
    e = qfs_flush(fs);
  return e ? e : qfs_log_begin_anew(fs);
}

static bool
used_up(const struct qfs *fs)
{
  return fs->log.at + fs->log.room + 3 > fs->sb->journal_blocks;
}

static void
fail(struct qfs *fs, int e)
{
  fs->log.err = e;
  fs->super.read_only = true;
  printk("qfs: %s: metadata cannot be written (error %d): read-only from now on\n",
         fs->super.source, -e);
}

// It is our turn.
static int
commit(struct qfs *fs, bool home)
{
  struct qfs_log *g = &fs->log;
  if(g->err)
    return -EIO;
  write_data(g);
  close(g, true);
  write_data(g);                 // what came meanwhile
  int e = g->n > 0 ? write_transaction(fs) : 0;
  if(e == 0 && (used_up(fs) || (home && g->at > 1)))
    e = go_home(fs);
  if(e)
    fail(fs, e);
  return e;
}

int
qfs_commit(struct qfs *fs, u64 sequence)
{
  struct qfs_log *g = &fs->log;
  if(atomic_load(&g->running) > sequence)
    return 0;
  take_turn(g, true);
  int e = g->running > sequence ? 0 : commit(fs, false);
  open(fs);
  return e;
}

int
qfs_commit_all(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  return qfs_commit(fs, atomic_load(&g->running) - (atomic_load(&g->n) == 0));
}

int
qfs_commit_home(struct qfs *fs)
{
  take_turn(&fs->log, true);
  int e = commit(fs, true);
  open(fs);
  return e;
}

void
qfs_commit_old(struct qfs *fs, u64 before)
{
  struct qfs_log *g = &fs->log;
  if(atomic_load(&g->since) >= before)
    return;
  bool rests = atomic_load(&g->n) == 0;
  if(qfs_commit_all(fs) == 0 && (rests || before == ~0UL) && g->at > 1)
    qfs_commit_home(fs);
}

// ---- The beginning and the end ----

int
qfs_log_open(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  u64 blocks = fs->sb->journal_blocks;
  g->room = min((u64)ROOM, max(blocks / 4, min(blocks - 4, 2UL * HANDLE_BLOCKS)));
  g->page = kmalloc((ROOM + 2) * sizeof *g->page);
  g->freed = kmalloc(FREED_MAX * sizeof *g->freed);
  if(g->page == NULL || g->freed == NULL)
    return -ENOMEM;
  int e = qfs_recover(fs);
  open(fs);
  return e;
}

void
qfs_log_close(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  for(struct qfs_inode *qi; (qi = take_data(g)); )
    object_put(&qi->vfs.object);
  let_pages_go(fs, false);
  if(g->head)
    qfs_meta_put(g->head);
  kfree(g->page);
  kfree(g->freed);
}
