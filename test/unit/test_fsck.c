// SPDX-License-Identifier: MIT
//
// fsck: a file system that has one of everything, with something in it changed as a bad
// disk, or somebody bad, would change it, sums mended.  Whatever it is: the kernel goes
// through all of it and comes to an end, fsck says what is wrong and mends it, finds
// nothing more, and then the kernel finds nothing wrong either.

#include "host/mounted.h"

enum { DISK = 2 << 20, BLOCKS = DISK / QFS_BLOCK, NAMES = 130, DEEP = 100, IMAGES = 600 };

static u8 sound[DISK];
static struct qfs_super *sb;           // of the disk as it is
static bool mended;                    // nothing may be wrong now

static void *at_block(u64 n) { return disk_bytes + n * QFS_BLOCK; }

// ---- One of everything ----

static struct inode *
make(struct inode *dir, const char *name, u32 mode)
{
  struct inode *i;
  assert_int_equal(dir->ops->create(dir, name, (u32)strlen(name), mode, 0, &i), 0);
  return i;
}

static void
fill(struct inode *i, u64 off, u64 n)
{
  int e;
  assert_int_equal(transfer(object_write, i, off, n, &e), n);
  inode_modified(i);
}

static void
make_link(struct inode *dir, const char *name, u32 len)
{
  static char target[1000];
  memset(target, 't', sizeof target);
  assert_int_equal(dir->ops->symlink(dir, name, (u32)strlen(name), target, len), 0);
}

static void
make_names(struct inode *dir)
{
  char name[100];
  for(u32 k = 0; k < NAMES; k++){
    snprintk(name, sizeof name, "%070u", k);
    inode_put(make(dir, name, S_IFREG | 0644));
  }
}

// Left in the journal: what was done after the last time that all went home.
static void
make_sound(void)
{
  disk_make(DISK);
  assert_int_equal(mount_disk(), 0);
  buffer_make(64 << 10);
  struct inode *root = super->root, *dir = make(root, "dir", S_IFDIR | 0755);
  struct inode *many = make(dir, "many", S_IFDIR | 0755);
  struct inode *file = make(root, "file", S_IFREG | 0644);
  struct inode *sparse = make(dir, "sparse", S_IFREG | 0600);
  fill(file, 0, 64 << 10);
  fill(file, 64 << 10, 40 << 10);
  fill(sparse, DEEP * MiB, 10000);
  struct inode *copy = make(root, "copy", S_IFREG | 0644);
  assert_int_equal(inode_clone(copy, 0, file, 0, 0), 0);
  fill(copy, 20 << 10, 9000);
  make_names(many);
  make_link(root, "short", 20);
  make_link(root, "long", 700);
  inode_put(make(root, "pipe", S_IFIFO | 0644));
  assert_int_equal(dir->ops->link(dir, "other", 5, file), 0);
  list_for(root, &super->inodes, link)
    assert_int_equal(write_back(root), 0);
  assert_int_equal(super->sync(super), 0);
  fill(sparse, 0, 100);
  inode_put(make(dir, "late", S_IFREG | 0644));
  assert_int_equal(write_back(sparse), 0);
  assert_int_equal(sparse->ops->sync(sparse, false), 0);
  memcpy(sound, disk_bytes, DISK);
  inode_put(copy);
  inode_put(sparse);
  inode_put(file);
  inode_put(many);
  inode_put(dir);
  unmount_disk();
  memcpy(disk_bytes, sound, DISK);
  sb = at_block(0);
  assert_int_equal(disk_check(false), FSCK_SOUND);
}

// ---- What the kernel makes of it ----

struct walk { struct dir_sink sink; struct inode *dir; u32 depth, seen; };

static void
expect(int e)
{
  if(e && mended)
    panic("error %d after all was mended", e);
}

static void visit(struct inode *i, u32 depth);

static bool
visit_name(struct dir_sink *s, const char *name, u32 len, u64 ino, u32 mode, u64 next)
{
  struct walk *w = container_of(s, struct walk, sink);
  struct inode *i;
  if(name[0] == '.' || w->seen++ > 2 * NAMES)
    return true;
  int e = w->dir->ops->lookup(w->dir, name, len, &i);
  expect(e);
  if(e)
    return true;
  if(mended && (mode != (i->mode & S_IFMT) || ino != i->ino))
    panic("a name of the wrong type");
  visit(i, w->depth + 1);
  inode_put(i);
  return true;
}

static void
read_file(struct inode *i)
{
  char text[QFS_BLOCK];
  for(u64 page = 0; page * QFS_BLOCK < min(i->object.size, 200UL << 10); page++)
    expect(min(0L, object_read_kernel(&i->object, page * QFS_BLOCK, text,
                                      min((u64)QFS_BLOCK, i->object.size - page * QFS_BLOCK))));
}

static void
visit(struct inode *i, u32 depth)
{
  char text[QFS_BLOCK];
  if(S_ISDIR(i->mode) && depth < 6){
    struct walk w = { { visit_name }, i, depth, 0 };
    expect(i->ops->readdir(i, 0, &w.sink));
  } else if(S_ISLNK(i->mode)){
    expect(min(0, i->ops->readlink(i, text, sizeof text)));
  } else if(S_ISREG(i->mode)){
    read_file(i);
  }
}

// A file and a directory are made, what is there is written to, and some of it goes.
static void
change_some(void)
{
  struct inode *root = super->root, *i;
  static const char *const name[] = { "file", "dir", "copy", "short", "long", "pipe" };
  int e = root->ops->create(root, "new", 3, S_IFREG | 0644, 0, &i);
  expect(e == -ENOSPC ? 0 : e);
  if(e == 0){
    transfer(object_write, i, 3 * MiB, 9000, &e);
    inode_modified(i);
    inode_put(i);
  }
  for(u32 k = 0; k < count_of(name); k++){
    u32 len = (u32)strlen(name[k]);
    if(root->ops->lookup(root, name[k], len, &i) != 0)
      continue;
    if(S_ISREG(i->mode)){
      object_truncate(&i->object, 5000);
      i->ops->truncate(i, 5000);
      inode_modified(i);
    }
    if(i != root && k % 2 == 0)
      root->ops->unlink(root, name[k], len, i);
    inode_put(i);
  }
}

// => could it be mounted?
static bool
go_through(void)
{
  int e = mount_disk();
  expect(e);
  if(e)
    return false;
  visit(super->root, 0);
  change_some();
  unmount_disk();
  return true;
}

// ---- What is changed ----

static u64
odd_number(void)
{
  static const u64 odd[] = { 0, 1, 2, 15, 16, 17, 255, 4095, 4096, 0xffff, 1UL << 31, ~0U,
                             1UL << 32, 1UL << 44, 1UL << 63, ~0UL };
  switch(below(4)){
  case 0:  return below(BLOCKS + 2);
  case 1:  return ((struct qfs_super *)sound)->data_start + below(40);
  case 2:  return below(200);
  default: return odd[below(count_of(odd))];
  }
}

// A field of 1, 2, 4 or 8 bytes among those of a structure.
static void
change_field(void *start, u64 size)
{
  u64 width = 1UL << below(4), value = odd_number();
  u8 *p = (u8 *)start + below(size / width) * width;
  if(below(4) == 0)
    *p ^= 1 << below(8);
  else
    memcpy(p, &value, width);
}

// Where things are, as the sound image says.  => a place on the disk
static struct qfs_dinode *
some_inode(void)
{
  const struct qfs_super *was = (struct qfs_super *)sound;
  u64 n = was->inode_file.size / QFS_BLOCK, at;
  do
    at = was->inode_file.root[1 + below(n - 1)] * QFS_BLOCK + below(16) * QFS_INODE;
  while(((struct qfs_dinode *)(sound + at))->mode == 0);
  return (struct qfs_dinode *)(disk_bytes + at);
}

static void *
some_tree_block(void)
{
  for(;;){
    u64 at = (u8 *)some_inode() - disk_bytes;
    const struct qfs_dinode *d = (struct qfs_dinode *)(sound + at);
    u64 n = d->root[below(QFS_ROOTS)];
    if(d->height > 0 && n)
      return at_block(n);
  }
}

static struct qfs_dirblock *
some_directory(void)
{
  u64 n;
  do
    n = below(BLOCKS);
  while(((struct qfs_dirhead *)(sound + n * QFS_BLOCK))->magic != QFS_DIR_MAGIC);
  return at_block(n);
}

static void
change_super(void)
{
  if(below(2))
    change_field(sb, sizeof *sb);
  else
    change_field(&sb->inode_file, sizeof sb->inode_file);
}

static void change_inode(void) { change_field(some_inode(), sizeof(struct qfs_dinode)); }
static void change_bitmap(void) { change_field(at_block(1), 200); }

// A share count.
static void
change_share(void)
{
  const struct qfs_super *was = (struct qfs_super *)sound;
  u32 *counts = at_block(was->shares_start);
  change_field(counts + was->data_start, 512);
}

static void
change_inodes_bitmap(void)
{
  change_field(at_block(((struct qfs_super *)sound)->inode_file.root[0]), 40);
}

static void change_tree(void) { change_field(some_tree_block(), below(2) ? 64 : QFS_BLOCK); }

// One block in the place of another.
static void
change_pointer(void)
{
  some_inode()->root[below(4)] = ((struct qfs_super *)sound)->data_start + below(80);
}

static void
swap_inodes(void)
{
  *some_inode() = *some_inode();
}

static void
change_directory(void)
{
  struct qfs_dirblock *b = some_directory();
  u64 size = b->head.count * sizeof(struct qfs_dirent);
  if(below(3) == 0)
    change_field(b, below(2) ? sizeof b->head : QFS_BLOCK);
  else
    change_field(b->entry, max(min(size, (u64)QFS_DIR_SPACE), 16UL));
}

// A name is another inode's.
static void
change_target(void)
{
  struct qfs_dirblock *b = some_directory();
  if(b->head.level == 0 && b->head.count > 0 && b->head.count < 200)
    b->entry[below(b->head.count)].ino = 16 + below(20);
}

static void
change_journal(void)
{
  u64 n = ((struct qfs_super *)sound)->journal_start;
  struct qfs_descriptor *d = at_block(n + 1);
  change_field(below(3) ? at_block(n + below(3)) : d, below(2) ? 64 : 8 * sizeof(u64));
  u64 blocks = min(d->blocks, 20U), sum = sb->hash_seed;
  for(u64 i = 0; i <= blocks; i++)
    sum = qfs_sum(sum, at_block(n + 1 + i));
  ((struct qfs_commit *)at_block(n + 2 + blocks))->sum = sum;
}

static void
damage(void)
{
  static void (*const change[])(void) = {
    change_super, change_inode, change_inode, change_bitmap, change_share, change_inodes_bitmap,
    change_tree,
    change_pointer, swap_inodes, change_directory, change_directory, change_target, change_journal,
  };
  for(u64 n = 1 + below(below(4) ? 2 : 12); n > 0; n--)
    change[below(count_of(change))]();
  memcpy(sb, sound, offsetof(struct qfs_super, blocks));     // one of ours, still
  if(below(20))
    sb->checksum = qfs_super_checksum(sb);
}

// ---- The tests ----

static u64 mounted, repaired;

static void
one_image(void)
{
  static u8 bad[DISK];
  memcpy(disk_bytes, sound, DISK);
  damage();
  memcpy(bad, disk_bytes, DISK);
  mended = false;
  mounted += go_through();
  memcpy(disk_bytes, bad, DISK);
  host_log_clear();
  enum fsck_status found = disk_check(false), made;
  assert_memory_equal(disk_bytes, bad, DISK);
  made = disk_check(true);
  if(found == FSCK_FAILED || found == FSCK_SOUND){
    assert_int_equal(made, found);
  } else if(found != FSCK_FAULTY || made != FSCK_MENDED){
    panic("found %d, mended %d", found, made);
  } else {
    repaired++;
  }
  if(made == FSCK_FAILED)
    return;
  disk_expect_consistent();
  mended = true;
  go_through();
  disk_expect_consistent();
}

static void
damaged_images(void)
{
  make_sound();
  for(u64 n = host_rounds(IMAGES); n > 0; n--)
    one_image();
  buffer_drop();
  assert_true(mounted > host_rounds(IMAGES) / 2);
  assert_true(repaired > host_rounds(IMAGES) / 2);
}

// The disk says that the number of a directory in use is free.
static void
number_of_one_in_memory(void)
{
  struct inode *dir, *new;
  struct frame *bitmap;
  make_sound();
  memcpy(disk_bytes, sound, DISK);
  assert_int_equal(mount_disk(), 0);
  assert_int_equal(super->root->ops->lookup(super->root, "dir", 3, &dir), 0);
  struct qfs *fs = container_of(super, struct qfs, super);
  container_of(dir, struct qfs_inode, vfs)->disk->mode = 0;
  assert_int_equal(object_page(&fs->meta, fs->sb->inode_file.root[0], &bitmap), 0);
  *(u64 *)frame_kva(bitmap) &= ~(1UL << dir->ino);
  frame_put(bitmap, PIN_1);
  fs->inode_goal = 0;
  assert_int_equal(super->root->ops->create(super->root, "new", 3, S_IFREG, 0, &new), 0);
  assert_int_not_equal(new->ino, dir->ino);
  inode_put(new);
  assert_int_equal(dir->refs, 1);
  inode_put(dir);
  unmount_disk();
  buffer_drop();
}

// Each file's tree leads to the block that the inode itself is in.
static void
inodes_in_their_own_trees(void)
{
  struct inode *i;
  int e;
  make_sound();
  memcpy(disk_bytes, sound, DISK);
  mended = false;
  for(u32 n = 0; n < 1000; n++){
    struct qfs_dinode *d = some_inode();
    if(S_ISREG(d->mode)){
      d->height = 1;
      d->root[0] = (u64)((u8 *)d - disk_bytes) / QFS_BLOCK;
    }
  }
  assert_int_equal(mount_disk(), 0);
  assert_int_equal(super->root->ops->lookup(super->root, "file", 4, &i), 0);
  transfer(object_write, i, 500 * QFS_BLOCK, QFS_BLOCK, &e);
  assert_int_equal(e, 0);
  inode_modified(i);
  inode_put(i);
  unmount_disk();
  assert_int_equal(disk_check(true), FSCK_MENDED);
  disk_expect_consistent();
  buffer_drop();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(number_of_one_in_memory, .frames = 3000),
    TEST(inodes_in_their_own_trees, .frames = 3000),
    TEST(damaged_images, .frames = 3000),
  };
  return cmocka_run_group_tests_name("fsck", tests, NULL, NULL);
}
