// SPDX-License-Identifier: MIT
//
// Metadata blocks in memory: bitmaps, block trees, inodes, directories.  They are
// the pages of one object over the whole device.  Blocks of file data are pages
// of their file and are never got here; read-ahead may bring in a neighbour that
// is data, but nobody asks for it before qfs_meta_new has cleared it.

#include "fs/qfs.h"
#include "kernel/string.h"

int
qfs_meta_new(struct qfs *fs, u64 block, struct frame **f)
{
  bool fresh;
  int e = object_page_fresh(&fs->meta, block, f, &fresh);
  if(e)
    return e;
  memset(frame_kva(*f), 0, QFS_BLOCK);
  qfs_meta_dirty(fs, *f);
  if(fresh)
    frame_unbusy(*f);
  return 0;
}

// A write of the page that is in flight must not come after one of the data that
// takes its place.
void
qfs_meta_forget(struct qfs *fs, u64 block)
{
  object_remove(&fs->meta, block, block + 1);
}

int
qfs_flush(struct qfs *fs)
{
  u64 writes = atomic_load(&fs->device->writes);
  if(writes == fs->flushed)
    return 0;
  int e = block_flush(fs->device);
  if(e == 0)
    fs->flushed = writes;
  return e;
}

// ---- The object's store ----

static struct qfs *
meta_fs(struct object *o)
{
  return container_of(o, struct qfs, meta);
}

static int
read_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs_io io;
  qfs_io_begin(&io, meta_fs(o), BLOCK_READ);
  qfs_io_add(&io, index, f, n);
  return qfs_io_end(&io);
}

// The superblock is looked at before recovery: it goes home only while nobody can change it.
static bool
may_go(const struct qfs *fs, const struct frame *f)
{
  return atomic_load(&f->hint) == 0 && (f->index > 0 || atomic_load(&fs->log.going_home));
}

// Those of the running transaction count as written: its commit makes them dirty again.
// Others may change while they are written: the journal has a copy of what is dirty, or
// nobody uses the block yet, so that after a crash what arrived there does not matter.
static int
write_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs *fs = meta_fs(o);
  struct qfs_io io;
  qfs_io_begin(&io, fs, BLOCK_WRITE);
  for(u32 i = 0, k; i < n; i = k + 1){
    for(k = i; k < n && may_go(fs, f[k]); k++)
      ;
    if(k > i)
      qfs_io_add(&io, index + i, f + i, k - i);
  }
  return qfs_io_end(&io);
}

static void
release(struct object *o)
{
  object_destroy(o);
  qfs_free_memory(meta_fs(o));
}

const struct object_ops qfs_meta_ops = {
  .read_pages = read_pages,
  .write_pages = write_pages,
  .release = release,
};
