// SPDX-License-Identifier: MIT
//
// The journal: metadata that an operation changes goes to the disk as one, or not at
// all.  Format and recovery: qfs_format.h, qfs_recover.c.
//
// Changes gather in the running transaction.  A commit lets no operation begin and
// waits for those that are under way; then nothing changes, and it writes what is left
// of the file data that new pointers or sizes lead to.  It copies the pages, lets
// operations begin again, in the next transaction, and writes: descriptor and copies,
// a flush, the commit record, a flush.  From then on the
// pages are dirty like those of any object and go home by its write-back.  When the area
// is used up all of them are sent home, those that have changed meanwhile once more while
// no operation is under way, and it begins anew.
//
// What a commit needs is set aside when the file system is mounted, so that it can be
// made without memory, and waits for nothing but the disk and open handles; if there is no
// memory for the copies, operations wait until the pages themselves are written.
// Those wait for memory and the disk, never for a commit: qfs_begin comes first.  The
// reaper writes pages without a handle; it may begin one, but never waits for it.
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
  u32 blocks = (g->room - min(g->now.n, g->room)) / HANDLE_BLOCKS;
  u32 freed = (FREED_MAX - g->now.nfreed) / HANDLE_FREED;
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

// Do files have to give up the blocks ahead of their ends?
static bool
nearly_full(const struct qfs *fs)
{
  return atomic_load(&fs->free_blocks) < HANDLE_BLOCKS;
}

bool
qfs_freed_soon(struct qfs *fs)
{
  struct qfs_inode *qi;
  bool soon = atomic_load(&fs->log.now.nfreed) + atomic_load(&fs->log.sent.nfreed) > 0 ||
              (nearly_full(fs) && super_ahead(&fs->super) > 0);
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
    assert(g->now.n <= g->room);
    frame_get(f, PIN_1);
    atomic_add(&pages_kept, 1);
    if(g->now.n == 0)
      g->since = machine_time_ns();
    g->now.page[++g->now.n] = f;
    atomic_store(&f->hint, g->now.n);
    limit(g);
  }
  spin_unlock(&g->lock);
}

// Do the blocks of r follow those of `last`, so that both are one run?
static bool
follows(const struct qfs_freed *last, const struct qfs_freed *r)
{
  return last->bitmap == r->bitmap && last->shares == r->shares && !last->meta && !r->meta &&
         last->block + last->n == r->block;
}

void
qfs_log_freed(struct qfs *fs, const struct qfs_freed *r)
{
  struct qfs_log *g = &fs->log;
  struct qfs_transaction *t = &g->now;
  qfs_meta_dirty(fs, r->bitmap);
  if(r->shares)
    qfs_meta_dirty(fs, r->shares);
  spin_lock(&g->lock);
  if(t->nfreed && follows(&t->freed[t->nfreed - 1], r)){
    t->freed[t->nfreed - 1].n += r->n;
  } else {
    assert(t->nfreed < FREED_MAX);
    t->freed[t->nfreed] = *r;
    t->nfreed++;
    limit(g);
  }
  t->freed_blocks += r->shares ? 0 : r->n;
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

void
qfs_log_data_gone(struct qfs *fs, struct qfs_inode *qi)
{
  struct qfs_log *g = &fs->log;
  spin_lock(&g->lock);
  bool listed = !list_empty(&qi->ordered);
  list_remove(&qi->ordered);
  spin_unlock(&g->lock);
  if(listed)
    object_put(&qi->vfs.object);
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
    object_sync(&qi->vfs.object, 0, max(qi->vfs.object.size, qi->reach << PAGE_SHIFT));
    object_put(&qi->vfs.object);
  }
}

// ---- Closing and opening ----

static void
take_turn(struct qfs_log *g)
{
  spin_lock(&g->lock);
  while(g->busy)
    wait_io(&g->changed, &g->lock);
  g->busy = true;
  spin_unlock(&g->lock);
}

// Afterwards nothing changes any more.
static void
close(struct qfs_log *g)
{
  spin_lock(&g->lock);
  g->closed = true;
  limit(g);
  atomic_fence();
  while(atomic_load(&g->handles) > 0)
    wait_io(&g->changed, &g->lock);
  spin_unlock(&g->lock);
}

// busy: it is still our turn.
static void
let_begin(struct qfs *fs, bool busy)
{
  struct qfs_log *g = &fs->log;
  spin_lock(&g->lock);
  g->closed = fs->super.read_only;
  limit(g);
  g->busy = busy;
  wake_all(&g->changed);
  spin_unlock(&g->lock);
}

static void open(struct qfs *fs) { let_begin(fs, false); }

int
qfs_settle(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  if(!atomic_load(&g->closed) && !fs->super.read_only){
    if(nearly_full(fs) && !atomic_swap(&fs->gives_back, 1)){   // which may settle, too
      super_give_back(&fs->super);
      atomic_store_rel(&fs->gives_back, 0);
    }
    qfs_commit(fs, atomic_load(&g->running));
    qfs_orphans_free(fs);
  }
  spin_lock(&g->lock);
  while(g->closed && !fs->super.read_only)
    wait_io(&g->changed, &g->lock);
  spin_unlock(&g->lock);
  return fs->super.read_only ? -EROFS : 0;
}

// ---- Closing a transaction: nothing changes meanwhile ----

// It is not the running one any more.  Pages that were metadata when they were changed, and
// are no more, are left out.
static void
send(struct qfs_log *g)
{
  struct qfs_transaction t = g->now;
  u32 n = 0;
  g->now = g->sent;              // which is empty
  g->now.page[0] = t.page[0];
  for(u32 i = 1; i <= t.n; i++){
    struct frame *f = t.page[i];
    atomic_store(&f->hint, 0);
    if(word_share(atomic_load(&f->word)))
      t.page[++n] = f;
    else
      frame_put(f, PIN_1);
  }
  atomic_add(&pages_kept, (u64)n - t.n);
  t.n = n;
  g->sent = t;
  atomic_store(&g->running, g->running + 1);
}

static void
describe(const struct qfs_transaction *t, u64 sequence)
{
  struct qfs_descriptor *d = frame_kva(t->page[0]);
  d->magic = QFS_DESCRIPTOR_MAGIC;
  d->sequence = sequence;
  d->blocks = d->tags = t->n;
  d->zero = 0;
  for(u32 i = 0; i < t->n; i++)
    d->tag[i] = t->page[1 + i]->index;
  for(u32 i = 0; i < t->nfreed; i++)
    if(t->freed[i].meta)
      d->tag[d->tags++] = t->freed[i].block | (u64)t->freed[i].n << 32;
  memset(&d->tag[d->tags], 0, (QFS_TAGS - d->tags) * sizeof(u64));
}

static void
seal(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  qfs_meta_dirty(fs, fs->sb_page);
  send(g);
  describe(&g->sent, g->running - 1);
}

static void
drop_copies(struct qfs_log *g, u32 n)
{
  for(u32 i = 1; i <= n; i++)
    if(g->copy[i] != g->sent.page[i])
      frame_free(g->copy[i]);
}

// The copy of a page that is sent.  => or NULL
static struct frame *
copy_of(const struct qfs_log *g, const struct frame *f)
{
  u32 k = 1;
  while(f && k <= g->sent.n && g->sent.page[k] != f)
    k++;
  return f && k <= g->sent.n ? g->copy[k] : NULL;
}

// What is sent says that what it frees is free, and how much that makes.
static void
free_in_copies(struct qfs *fs, bool copied)
{
  struct qfs_log *g = &fs->log;
  u64 free = 0;
  for(u32 i = 0; i < g->sent.nfreed; i++){
    const struct qfs_freed *r = &g->sent.freed[i];
    free += qfs_free_in(fs, copy_of(g, r->bitmap), copy_of(g, r->shares), r);
  }
  free = fs->free_blocks + (copied ? free : 0);
  fs->sb->free_blocks = min(free, fs->sb->blocks - 1);
  fs->sb->checksum = qfs_super_checksum(fs->sb);
  memcpy(frame_kva(copy_of(g, fs->sb_page)), fs->sb, sizeof *fs->sb);
}

// Of what is sent, if there is memory that nobody else needs.  What it frees is free in its
// blocks, but in memory only once they are on the disk.  => were they copied?
static bool
copy(struct qfs *fs, bool wanted)
{
  struct qfs_log *g = &fs->log;
  struct qfs_transaction *t = &g->sent;
  u32 n = 0;
  while(wanted && n < t->n && (g->copy[n + 1] = frame_alloc(KIND_KERNEL, ALLOC_USER)))
    n++;
  bool all = n == t->n;
  if(!all)
    drop_copies(g, n);
  g->copy[0] = t->page[0];
  for(u32 i = 1; i <= t->n; i++)
    if(all)
      memcpy(frame_kva(g->copy[i]), frame_kva(t->page[i]), QFS_BLOCK);
    else
      g->copy[i] = t->page[i];
  free_in_copies(fs, all);
  return all;
}

// ---- Writing it ----

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
  qfs_io_add(&io, fs->sb->journal_start + g->at, g->copy, 1 + g->sent.n);
  int e = qfs_io_end(&io);
  return e ? e : qfs_flush(fs);
}

static int
write_commit(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  struct qfs_commit c = { QFS_COMMIT_MAGIC, g->running - 1, fs->sb->hash_seed };
  for(u32 i = 0; i <= g->sent.n; i++)
    c.sum = qfs_sum(c.sum, frame_kva(g->copy[i]));
  int e = write_sector(fs, g->at + 1 + g->sent.n, &c, sizeof c);
  return e ? e : qfs_flush(fs);
}

static void
let_pages_go(struct qfs *fs, struct qfs_transaction *t, bool dirty)
{
  for(u32 i = 1; i <= t->n; i++){
    if(dirty)
      object_mark_dirty(&fs->meta, t->page[i]);
    frame_put(t->page[i], PIN_1);
  }
  atomic_add(&pages_kept, -(u64)t->n);
  t->n = t->nfreed = 0;
  t->freed_blocks = 0;
}

// What was sent is on the disk: what it freed can be used again.
static void
settle(struct qfs *fs, bool copied)
{
  struct qfs_log *g = &fs->log;
  const struct qfs_freed *r = g->sent.freed;
  for(u32 i = copied ? 0 : g->sent.nfreed; i < g->sent.nfreed; i++)
    qfs_free_in(fs, r[i].bitmap, r[i].shares, &r[i]);
  g->at += g->sent.n + 2;
  let_pages_go(fs, &g->sent, true);
  if(g->now.n == 0)
    g->since = machine_time_ns();
  atomic_store(&g->done, g->running);
}

// `early`: operations may begin before it is written.
static int
write_transaction(struct qfs *fs, bool early)
{
  struct qfs_log *g = &fs->log;
  seal(fs);
  bool copied = copy(fs, early);
  if(copied)
    let_begin(fs, true);
  int e = write_blocks(fs);
  if(e == 0)
    e = write_commit(fs);
  drop_copies(g, g->sent.n);
  if(e == 0)
    settle(fs, copied);
  return e;
}

int
qfs_log_begin_anew(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  struct qfs_journal head = { QFS_JOURNAL_MAGIC, g->running };
  g->at = 1;
  return write_sector(fs, 0, &head, sizeof head);
}

// All metadata goes to where it belongs, and none is dirty any more.
static int
go_home(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  object_mark_dirty(&fs->meta, fs->sb_page);
  atomic_store(&g->going_home, true);
  int e = object_sync(&fs->meta, 0, ~0UL);
  atomic_store(&g->going_home, false);
  if(e == 0)
    e = qfs_flush(fs);
  return e ? e : qfs_log_begin_anew(fs);
}

// Will there be no room for another transaction after n more blocks?
static bool
used_up(const struct qfs *fs, u32 n)
{
  return fs->log.at + n + fs->log.room + 3 > fs->sb->journal_blocks;
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
  write_data(g);                 // what came meanwhile; that is less
  if(home || used_up(fs, g->now.n + 3))
    object_sync(&fs->meta, 0, ~0UL);     // most of what is to go home, before all have to wait
  close(g);
  write_data(g);                 // now all that the transaction leads to
  home |= used_up(fs, g->now.n + 3);
  int e = g->now.n > 0 ? write_transaction(fs, !home) : 0;
  if(e == 0 && home && g->at > 1)
    e = go_home(fs);
  if(e)
    fail(fs, e);
  return e;
}

int
qfs_commit(struct qfs *fs, u64 sequence)
{
  struct qfs_log *g = &fs->log;
  if(atomic_load(&g->done) > sequence)
    return 0;
  take_turn(g);
  int e = g->done > sequence ? 0 : commit(fs, false);
  open(fs);
  return e;
}

int
qfs_commit_all(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  return qfs_commit(fs, atomic_load(&g->running) - (atomic_load(&g->now.n) == 0));
}

int
qfs_commit_home(struct qfs *fs)
{
  take_turn(&fs->log);
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
  bool rests = atomic_load(&g->now.n) == 0;
  if(qfs_commit_all(fs) == 0 && (rests || before == ~0UL) && g->at > 1)
    qfs_commit_home(fs);
}

// ---- The beginning and the end ----

static bool
set_up(struct qfs_transaction *t)
{
  t->page = kmalloc((ROOM + 2) * sizeof *t->page);
  t->freed = kmalloc(FREED_MAX * sizeof *t->freed);
  return t->page && t->freed;
}

static void
tear_down(struct qfs *fs, struct qfs_transaction *t)
{
  let_pages_go(fs, t, false);
  kfree(t->page);
  kfree(t->freed);
}

int
qfs_log_open(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  u64 blocks = fs->sb->journal_blocks;
  g->room = min((u64)ROOM, max(blocks / 4, min(blocks - 4, 2UL * HANDLE_BLOCKS)));
  g->copy = kmalloc((ROOM + 2) * sizeof *g->copy);
  if(!set_up(&g->now) || !set_up(&g->sent) || g->copy == NULL)
    return -ENOMEM;
  int e = qfs_recover(fs);
  g->now.page[0] = g->head;
  g->done = g->running;
  open(fs);
  return e;
}

void
qfs_log_close(struct qfs *fs)
{
  struct qfs_log *g = &fs->log;
  for(struct qfs_inode *qi; (qi = take_data(g)); )
    object_put(&qi->vfs.object);
  tear_down(fs, &g->now);
  tear_down(fs, &g->sent);
  kfree(g->copy);
  if(g->head)
    qfs_meta_put(g->head);
}
