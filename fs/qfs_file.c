// SPDX-License-Identifier: MIT
//
// Pages of regular files: read from their blocks, written to them.  A page gets
// its block when it becomes dirty, so writing needs neither blocks nor memory.
//
// On disk, bytes of a file's last block past its end are zero: what programs
// stored there through a mapping must not come back when the file grows.

#include "fs/flusher.h"
#include "fs/qfs.h"
#include "kernel/string.h"

static struct qfs_inode *
inode_of(struct object *o)
{
  return container_of(o, struct qfs_inode, vfs.object);
}

static void
zero_pages(struct frame **f, u32 n)
{
  for(u32 i = 0; i < n; i++)
    memset(frame_kva(f[i]), 0, PAGE_SIZE);
}

// How many bytes of page `index` are of the file, if it is the page the file ends
// in; else all.
static u64
bytes_in_page(struct object *o, u64 index)
{
  u64 size = atomic_load(&o->size);
  return size >> PAGE_SHIFT == index ? size & PAGE_MASK : PAGE_SIZE;
}

// Pages have their place if stores to them may reach these blocks: if they are nobody else's,
// and nobody is about to share them.
static int
read_run(struct qfs_io *io, struct qfs_inode *qi, struct qfs_run *run, struct frame **f)
{
  struct frame *shares;
  run->n = min(run->n, qfs_together(io->fs, run->block));
  int e = qfs_shares(io->fs, run->block, run->n, &shares);
  if(e)
    return e;
  if(shares)
    qfs_meta_put(shares);
  qfs_io_add(io, run->block, f, run->n);
  for(u32 i = 0; i < run->n && shares == NULL && f[i]->index < atomic_load(&qi->held); i++)
    frame_placed(f[i]);
  return 0;
}

static int
read_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs_inode *qi = inode_of(o);
  struct qfs_io io;
  int e = 0;
  qfs_io_begin(&io, qfs_of(qi), BLOCK_READ);
  for(u32 i = 0; i < n && e == 0;){
    struct qfs_run run;
    e = qfs_map(qi, index + i, n - i, false, &run);
    if(e)
      break;
    if(run.block)
      e = read_run(&io, qi, &run, f + i);
    else
      zero_pages(f + i, run.n);
    i += run.n;
  }
  int e2 = qfs_io_end(&io);
  u64 in_last = bytes_in_page(o, index + n - 1);
  memset((char *)frame_kva(f[n - 1]) + in_last, 0, PAGE_SIZE - in_last);
  return e ? e : e2;
}

// The page that the file ends in goes out as a copy, cut at the end: somebody may
// be making the file longer, or have the page mapped.
static int
write_last(struct qfs *fs, u64 block, struct frame *f, u64 bytes)
{
  sleep_lock(&fs->scratch_lock);
  memcpy(fs->scratch, frame_kva(f), bytes);
  memset((char *)fs->scratch + bytes, 0, QFS_BLOCK - bytes);
  int e = block_rw(fs->device, BLOCK_WRITE, block * (QFS_BLOCK / SECTOR), fs->scratch, QFS_BLOCK);
  sleep_unlock(&fs->scratch_lock);
  return e;
}

static int
write_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs_inode *qi = inode_of(o);
  struct qfs *fs = qfs_of(qi);
  struct qfs_io io;
  struct qfs_run run;
  u64 bytes = bytes_in_page(o, index + n - 1);
  u32 whole = bytes == PAGE_SIZE ? n : n - 1;
  int e = 0;
  qfs_io_begin(&io, fs, BLOCK_WRITE);
  for(u32 i = 0; i < whole && e == 0; i += run.n){
    e = qfs_map(qi, index + i, whole - i, true, &run);
    if(e == 0 && run.block == 0)
      e = -EUCLEAN;              // a dirty page without a block: the tree was damaged
    if(e == 0)
      qfs_io_add(&io, run.block, f + i, run.n);
  }
  int e2 = qfs_io_end(&io);
  if(whole < n && e == 0){
    e = qfs_map(qi, index + whole, 1, true, &run);
    if(e == 0)
      e = run.block ? write_last(fs, run.block, f[whole], bytes) : -EUCLEAN;
  }
  return e ? e : e2;
}

// Why a page has no block yet.
static __attribute__((noinline)) int
not_yet(struct qfs_inode *qi, int e)
{
  if(e == -EAGAIN){
    e = qfs_map_cut(qi, false);
    return e ? e : -EBUSY;
  }
  return e == -ENOSPC && qfs_freed_soon(qfs_of(qi)) ? -EBUSY : e;
}

// Until the commit that makes a block a file's, its page is dirty and the file one of
// those that are written before.
static int
page_mkwrite(struct object *o, struct frame *f)
{
  struct qfs_inode *qi = inode_of(o);
  struct qfs *fs = qfs_of(qi);
  if(unlikely(!qfs_try_begin(fs)))
    return -EBUSY;
  i64 block = qfs_map_alloc(qi, f->index, f);
  if(likely(block > 0)){
    if(f->index >= qi->reach){
      qi->reach = f->index + 1UL;
      if(qi->disk->cut == QFS_NO_CUT)
        qfs_map_store_cut(qi);
    }
    if(!(atomic_load(&f->word) & FRAME_DIRTY))
      object_mark_dirty(o, f);
    qi->changed = qi->needed = fs->log.running;
    if(list_empty(&qi->ordered))
      qfs_log_data(fs, qi);
  }
  qfs_end(fs);
  return likely(block > 0) ? 0 : not_yet(qi, (int)block);
}

static int
wait_place(struct object *o)
{
  struct qfs_inode *qi = inode_of(o);
  return atomic_load(&qi->held) == QFS_NO_CUT ? qfs_settle(qfs_of(qi)) : qfs_move_wait(qi);
}

static int admit(struct object *o) { return flusher_admit(o); }

static void
release(struct object *o)
{
  object_destroy(o);
  qfs_inode_free(inode_of(o));
}

const struct object_ops qfs_file_ops = {
  .read_pages = read_pages,
  .write_pages = write_pages,
  .page_mkwrite = page_mkwrite,
  .wait_place = wait_place,
  .admit = admit,
  .release = release,
};

// ---- Truncation ----

// Zero the last block past the file's end, on disk or in a page that goes there.
static int
zero_tail(struct qfs_inode *qi, u64 size)
{
  struct qfs_run run = { .block = 0 };
  int e = size & PAGE_MASK ? qfs_map(qi, size >> PAGE_SHIFT, 1, false, &run) : 0;
  return e || run.block == 0 ? e : object_zero(&qi->vfs.object, size, page_up(size));
}

// The pages past `size` are gone.  First the disk learns so, then what they held is freed.
int
qfs_truncate(struct inode *i, u64 size)
{
  struct qfs_inode *qi = qfs_inode(i);
  struct qfs *fs = qfs_of(qi);
  int e = qfs_begin(fs);
  if(e)
    return e;
  qfs_inode_store(qi);
  qfs_map_void(qi, (size + PAGE_MASK) >> PAGE_SHIFT);
  qfs_end(fs);
  e = qfs_map_cut(qi, true);
  return e ? e : zero_tail(qi, size);
}
