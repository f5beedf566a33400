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
  object_discard(&fs->meta, block);
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

// Of n pages those that the running transaction has not changed again.
static int
write_settled(struct qfs *fs, u64 index, struct frame **f, u32 n)
{
  struct qfs_io io;
  qfs_io_begin(&io, fs, BLOCK_WRITE);
  for(u32 i = 0, k; i < n; i = k + 1){
    for(k = i; k < n && atomic_load(&f[k]->hint) == 0; k++)
      ;
    if(k > i)
      qfs_io_add(&io, index + i, f + i, k - i);
  }
  return qfs_io_end(&io);
}

// Those of the running transaction count as written: its commit makes them dirty again.
static int
write_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs *fs = meta_fs(o);
  bool stop = !atomic_load(&fs->log.going_home);
  if(stop && !qfs_log_stop(fs))
    return -EAGAIN;
  int e = write_settled(fs, index, f, n);
  if(stop)
    qfs_log_go_on(fs);
  return e;
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
