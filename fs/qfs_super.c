// SPDX-License-Identifier: MIT
//
// Mounting qfs: the superblock is read and judged, and with it every number that
// the rest relies on.

#include "fs/qfs.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/slab.h"

// ---- Is this a file system? ----

// Is [start, start + n) inside [from, to)?
static bool
inside(u64 start, u64 n, u64 from, u64 to)
{
  return start >= from && start <= to && n <= to - start;
}

static bool
layout_ok(const struct qfs_super *sb, u64 device_blocks)
{
  if(sb->blocks < 8 || sb->blocks > min(device_blocks, QFS_BLOCKS_MAX))
    return false;
  if(sb->data_start == 0 || sb->data_start >= sb->blocks)
    return false;
  return sb->bitmap_blocks == (sb->blocks + QFS_BITS - 1) / QFS_BITS &&
         inside(sb->bitmap_start, sb->bitmap_blocks, 1, sb->data_start) &&
         inside(sb->journal_start, sb->journal_blocks, 1, sb->data_start) &&
         inside(sb->shares_start, sb->shares_blocks, sb->shares_blocks > 0, sb->data_start) &&
         sb->shares_blocks == qfs_shares_blocks(sb) && sb->shared <= (sb->shares_blocks > 0) &&
         sb->journal_blocks >= QFS_JOURNAL_MIN &&
         sb->free_blocks < sb->blocks;
}

static bool
inode_file_ok(const struct qfs_super *sb)
{
  const struct qfs_dinode *d = &sb->inode_file;
  return d->height <= QFS_HEIGHT_MAX && d->size % QFS_BLOCK == 0 && d->size > QFS_BLOCK &&
         d->size <= QFS_FILE_MAX && d->blocks <= sb->blocks && d->cut == QFS_NO_CUT;
}

static int
judge(const struct qfs *fs)
{
  const struct qfs_super *sb = fs->sb;
  const char *name = fs->device->name;
  u64 device_blocks = fs->device->sectors / (QFS_BLOCK / SECTOR);
  if(sb->magic != QFS_MAGIC)
    return -EINVAL;
  if(sb->version != QFS_VERSION || !qfs_features_known(sb)){
    printk("qfs: %s: made by something newer or older: version %u, features 0x%lx\n", name,
           sb->version, sb->incompat);
    return -EINVAL;
  }
  if(sb->checksum != qfs_super_checksum(sb) || !layout_ok(sb, device_blocks) || !inode_file_ok(sb)){
    printk("qfs: %s: the superblock is damaged\n", name);
    return -EUCLEAN;
  }
  return 0;
}

// ---- The super's operations ----

static int
statfs(struct super *s, struct statfs *st)
{
  struct qfs *fs = container_of(s, struct qfs, super);
  u64 free = atomic_load(&fs->free_blocks) + atomic_load(&fs->log.now.freed_blocks) +
             atomic_load(&fs->log.sent.freed_blocks) + super_ahead(s);
  *st = (struct statfs){
    .type = QFS_MAGIC & 0xffffffff, .bsize = QFS_BLOCK, .blocks = fs->sb->blocks,
    .bfree = free, .bavail = free, .files = fs->sb->blocks * QFS_INODES_PER_BLOCK,
    .ffree = free * QFS_INODES_PER_BLOCK, .namelen = QFS_NAME_MAX,
  };
  return 0;
}

static int
sync(struct super *s)
{
  struct qfs *fs = container_of(s, struct qfs, super);
  if(s->read_only)
    return fs->log.err ? -EIO : 0;
  qfs_orphans_free(fs);
  int e = qfs_commit_all(fs);
  return e ? e : qfs_flush(fs);
}

static void
commit_old(struct super *s, u64 before)
{
  struct qfs *fs = container_of(s, struct qfs, super);
  qfs_orphans_free(fs);
  qfs_commit_old(fs, before);
}

static void
close_pages(struct qfs *fs)
{
  qfs_orphans_end(fs);
  qfs_log_close(fs);
  qfs_map_forget(&fs->table);
  qfs_ialloc_end(fs);
  qfs_alloc_end(fs);
  if(fs->table.home)
    qfs_meta_put(fs->table.home);
  if(fs->sb_page)
    qfs_meta_put(fs->sb_page);
  object_put(&fs->meta);
}

static void
release(struct super *s)
{
  struct qfs *fs = container_of(s, struct qfs, super);
  if(!s->read_only)
    commit_old(s, ~0UL);
  close_pages(fs);
}

void
qfs_free_memory(struct qfs *fs)
{
  block_let_go(fs->device);
  hash_destroy(&fs->super.table);
  kfree((void *)fs->super.source);
  kfree(fs->scratch);
  kfree(fs);
}

// ---- Mounting ----

static void
set_up(struct qfs *fs, struct block_device *d, char *source)
{
  super_init(&fs->super, "qfs", source);
  fs->super.read_only = d->read_only;
  fs->super.statfs = statfs;
  fs->super.sync = sync;
  fs->super.commit_old = commit_old;
  fs->super.release = release;
  fs->device = d;
  object_init(&fs->meta, &qfs_meta_ops, QFS_BLOCK);
  spin_init(&fs->bits_lock, "qfs bits");
  sleep_init(&fs->ialloc_lock, "qfs inode numbers");
  sleep_init(&fs->scratch_lock, "qfs scratch");
  sleep_init(&fs->move_lock, "qfs move");
  list_init(&fs->orphans);
  spin_init(&fs->log.lock, "qfs log");
  waitq_init(&fs->log.changed);
  list_init(&fs->log.ordered);
}

static struct qfs *
make(struct block_device *d)
{
  struct qfs *fs = kzalloc(sizeof(*fs));
  char *source = kmalloc(sizeof("/dev/") + sizeof(d->name));
  void *scratch = kmalloc(QFS_BLOCK);
  if(fs == NULL || source == NULL || scratch == NULL){
    kfree(fs);
    kfree(source);
    kfree(scratch);
    return NULL;
  }
  snprintk(source, sizeof("/dev/") + sizeof(d->name), "/dev/%s", d->name);
  fs->scratch = scratch;
  set_up(fs, d, source);
  return fs;
}

static int
read_super(struct qfs *fs)
{
  int e = object_page(&fs->meta, 0, &fs->sb_page);
  if(e)
    return e;
  fs->sb = frame_kva(fs->sb_page);
  return judge(fs);
}

static void
open_inode_file(struct qfs *fs)
{
  struct qfs_inode *t = &fs->table;
  struct qfs_dinode *d = &fs->sb->inode_file;
  inode_init(&t->vfs, &fs->super, NULL, 0, d->mode);
  frame_get(fs->sb_page, PIN_1);
  qfs_inode_prepare(t, fs->sb_page, d);
  t->vfs.object.size = d->size;
  t->vfs.blocks = d->blocks * (QFS_BLOCK / 512);
  t->vfs.nlink = d->nlink;
}

static void
begin_use(struct qfs *fs)
{
  struct timespec now;
  time_now(&now);
  fs->free_blocks = fs->sb->free_blocks;
  fs->sb->mounted = now.sec;
}

static int
open_root(struct qfs *fs)
{
  int e = qfs_iget(fs, QFS_ROOT_INO, &fs->super.root);
  if(e == 0 && !S_ISDIR(fs->super.root->mode)){
    inode_put(fs->super.root);
    super_shrink(&fs->super, ~0UL);
    e = -EUCLEAN;
  }
  return e;
}

// What a crash has left is freed; if that cannot be, the rest is of use all the same.
static void
free_orphans(struct qfs *fs)
{
  int e = fs->super.read_only ? 0 : qfs_orphans_load(fs);
  if(e)
    printk("qfs: %s: the list of orphans is damaged (error %d)\n", fs->device->name, -e);
}

// The superblock may be other than it was once the journal has been replayed; and nothing
// else is to be read before.
static int
start(struct qfs *fs)
{
  int e = read_super(fs);
  if(e)
    return e;
  fs->meta.size = (fs->sb->journal_start + 1) * QFS_BLOCK;
  e = qfs_log_open(fs);
  if(e == 0)
    e = judge(fs);
  if(e)
    return e;
  fs->meta.size = fs->sb->blocks * QFS_BLOCK;
  open_inode_file(fs);
  begin_use(fs);
  free_orphans(fs);
  return open_root(fs);
}

int
qfs_mount_device(struct block_device *d, struct super **out)
{
  if(!block_hold(d))
    return -EBUSY;
  struct qfs *fs = make(d);
  if(fs == NULL){
    block_let_go(d);
    return -ENOMEM;
  }
  int e = start(fs);
  if(e)
    close_pages(fs);
  else
    *out = &fs->super;
  return e;
}

int
qfs_mount(const char *device, struct super **out)
{
  const char *name = strncmp(device, "/dev/", 5) == 0 ? device + 5 : device;
  struct block_device *d = block_find(name);
  return d ? qfs_mount_device(d, out) : -ENXIO;
}
