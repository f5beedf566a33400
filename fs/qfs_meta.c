// SPDX-License-Identifier: MIT
//
// Metadata blocks in memory: bitmaps, block trees, inodes, directories.  They are
// the pages of one object over the whole device.  Blocks of file data are pages
// of their file and are never got here; read-ahead may bring in a neighbour that
// is data, but nobody asks for it before qfs_meta_new has cleared it.

#include "fs/qfs.h"
#include "kernel/string.h"

int
qfs_meta_get(struct qfs *fs, u64 block, struct frame **f)
{
  if(block >= fs->sb->blocks)
    return -EUCLEAN;
  return object_page(&fs->meta, block, f);
}

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

int
qfs_meta_sync(struct qfs *fs)
{
  if(fs->sb->free_blocks != fs->free_blocks || fs->table.vfs.dirty){
    fs->table.vfs.dirty = false;
    fs->sb->free_blocks = fs->free_blocks;
    qfs_inode_store(&fs->table);
  }
  int e = object_sync(&fs->meta, 0, ~0UL);
  int e2 = block_flush(fs->device);
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

// The superblock goes out as a copy that cannot change under its checksum.
static int
write_super(struct qfs *fs, const struct frame *f)
{
  sleep_lock(&fs->scratch_lock);
  struct qfs_super *copy = fs->scratch;
  *copy = *(struct qfs_super *)frame_kva(f);
  copy->checksum = qfs_super_checksum(copy);
  int e = block_rw(fs->device, BLOCK_WRITE, 0, copy, sizeof(*copy));
  sleep_unlock(&fs->scratch_lock);
  return e;
}

static int
write_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct qfs *fs = meta_fs(o);
  int e = 0;
  if(index == 0){
    e = write_super(fs, f[0]);
    index++;
    f++;
    n--;
  }
  struct qfs_io io;
  qfs_io_begin(&io, fs, BLOCK_WRITE);
  qfs_io_add(&io, index, f, n);
  int e2 = qfs_io_end(&io);
  return e ? e : e2;
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
