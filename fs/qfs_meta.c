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
  if(fresh)
    frame_unbusy(*f);
  else
    qfs_meta_dirty(fs, *f);
  return 0;
}

// A write of the page that is in flight must not come after one of the data that
// takes its place.
void
qfs_meta_forget(struct qfs *fs, u64 block)
{
  object_discard(&fs->meta, block);
}

static int
sync_pages(struct qfs *fs)
{
  if(fs->table.vfs.dirty){
    fs->table.vfs.dirty = false;
    qfs_inode_store(&fs->table);
  }
  return object_sync(&fs->meta, 0, ~0UL);
}

// The device's own cache goes to the disk, if anything was written since last time.
static int
flush(struct qfs *fs)
{
  u64 writes = atomic_load(&fs->device->writes);
  if(writes == fs->flushed)
    return 0;
  int e = block_flush(fs->device);
  if(e == 0)
    fs->flushed = writes;
  return e;
}

int
qfs_meta_sync(struct qfs *fs)
{
  int e = sync_pages(fs);
  int e2 = flush(fs);
  return e ? e : e2;
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

// ---- The superblock, and the state it tells of ----
//
// On disk it says "clean" while nothing there has changed since all was written.
// Whoever writes metadata counts itself in `writing`, then looks at `clean`; whoever
// says clean sets `clean`, then looks at `writing`: so one sees the other.

// It goes out as a copy that cannot change under its checksum.  scratch_lock is held.
static int
write_super(struct qfs *fs)
{
  struct qfs_super *copy = fs->scratch;
  *copy = *fs->sb;
  copy->state = fs->clean ? QFS_STATE_CLEAN : 0;
  copy->free_blocks = atomic_load(&fs->free_blocks);
  copy->checksum = qfs_super_checksum(copy);
  return block_rw(fs->device, BLOCK_WRITE, 0, copy, sizeof(*copy));
}

// Before anything else of the disk changes, it says so.
static int
leave_clean(struct qfs *fs)
{
  int e = 0;
  sleep_lock(&fs->scratch_lock);
  if(fs->clean){
    fs->clean = false;
    e = write_super(fs);
    if(e == 0)
      e = flush(fs);
    fs->clean = e != 0;
  }
  sleep_unlock(&fs->scratch_lock);
  return e;
}

static int
enter_clean(struct qfs *fs)
{
  int e = 0;
  sleep_lock(&fs->scratch_lock);
  if(!fs->clean){
    atomic_store(&fs->clean, true);
    atomic_fence();
    if(atomic_load(&fs->writing) > 0 || fs->meta.pages.marked > 0){
      atomic_store(&fs->clean, false);
    } else {
      e = write_super(fs);
      if(e == 0)
        e = flush(fs);
    }
  }
  sleep_unlock(&fs->scratch_lock);
  return e;
}

int
qfs_meta_sync_clean(struct qfs *fs)
{
  int e = qfs_meta_sync(fs);
  return e ? e : enter_clean(fs);
}

static int
write_blocks(struct qfs *fs, u64 index, struct frame **f, u32 n)
{
  struct qfs_io io;
  int e = 0;
  if(index == 0){
    sleep_lock(&fs->scratch_lock);
    e = write_super(fs);
    sleep_unlock(&fs->scratch_lock);
    index++;
    f++;
    n--;
  }
  qfs_io_begin(&io, fs, BLOCK_WRITE);
  qfs_io_add(&io, index, f, n);
  int e2 = qfs_io_end(&io);
  return e ? e : e2;
}

static int
write_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs *fs = meta_fs(o);
  atomic_add(&fs->writing, 1);
  atomic_fence();
  int e = atomic_load(&fs->clean) ? leave_clean(fs) : 0;
  if(e == 0)
    e = write_blocks(fs, index, f, n);
  atomic_add(&fs->writing, -1);
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
