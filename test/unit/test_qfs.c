// SPDX-License-Identifier: MIT
//
// qfs over the real pages: against a model, without memory, on a bad disk, with many
// users at once, with changes during commits, and over a mount.

#include "host/host.h"
#include "host/mounted.h"

enum { DISK = 4 << 20, FILES = 12, LARGEST = 200000, WRITE_MAX = 20000, TASKS = 4 };

static struct inode *root;

// ---- A mounted file system ----

static void
mount(void)
{
  assert_int_equal(mount_disk(), 0);
  root = super->root;
}

static void
start(void)
{
  disk_make(DISK);
  mount();
  buffer_make(LARGEST);
}

static void
end(void)
{
  finish_disk();
  buffer_drop();
}

static u32
name_of(u32 k, char *name)
{
  return (u32)snprintk(name, 16, "file %u", k);
}

// The operations of a directory, its lock held as they want it.  Whoever holds that
// may wait for the disk: the host's own record of locks would not have it.
static int
lookup(u32 k, struct inode **i)
{
  char name[16];
  u32 len = name_of(k, name);
  real_rw_read_lock(&root->lock);
  int e = root->ops->lookup(root, name, len, i);
  real_rw_read_unlock(&root->lock);
  return e;
}

static int
create(u32 k, struct inode **i)
{
  char name[16];
  u32 len = name_of(k, name);
  real_rw_write_lock(&root->lock);
  int e = root->ops->create(root, name, len, S_IFREG | 0644, 0, i);
  real_rw_write_unlock(&root->lock);
  return e;
}

static int
unlink(u32 k, struct inode *i)
{
  char name[16];
  u32 len = name_of(k, name);
  real_rw_write_lock(&root->lock);
  int e = root->ops->unlink(root, name, len, i);
  real_rw_write_unlock(&root->lock);
  return e;
}

// ---- Against a model ----

static struct { bool exists; u64 size; char bytes[LARGEST]; } model[FILES];
static bool failing;                   // operations may fail for want of memory, or of a disk

// Is the error one that may be?
static bool
excusable(int e)
{
  return e == -ENOSPC || (failing && (e == -ENOMEM || e == -EIO || e == -EROFS));
}

static bool
done_or_excused(int e)
{
  if(e && !excusable(e))
    panic("error %d", e);
  return e == 0;
}

static u64
attempt(transfer_fn *once, struct inode *i, u64 off, u64 n)
{
  int e;
  u64 total = transfer(once, i, off, n, &e);
  done_or_excused(e == -EAGAIN && failing ? -ENOMEM : e);
  return total;
}

static void
write_some(u32 k, struct inode *i)
{
  static char bytes[WRITE_MAX];
  u64 off = below(3) ? model[k].size : below(LARGEST), n = below(WRITE_MAX) + 1;
  off = min(off, (u64)LARGEST - 1);
  n = min(n, LARGEST - off);
  for(u64 b = 0; b < n; b++)
    bytes[b] = (char)host_random();
  assert_int_equal(copy_to_user(buffer, bytes, n), 0);
  u64 done = attempt(object_write, i, off, n);
  if(done){
    u64 size = model[k].size;
    memset(model[k].bytes + size, 0, off > size ? off - size : 0);
    memcpy(model[k].bytes + off, bytes, done);
    model[k].size = max(size, off + done);
  }
  inode_modified(i);
}

static void
check_all(u32 k, struct inode *i)
{
  static char bytes[LARGEST];
  u64 size = model[k].size, n = attempt(object_read, i, 0, LARGEST);
  assert_int_equal(i->object.size, size);
  assert_true(n == size || failing);
  assert_int_equal(copy_from_user(bytes, buffer, n), 0);
  assert_memory_equal(bytes, model[k].bytes, n);
}

// What is cut off is gone, even if its blocks could not all be freed.
static void
resize(u32 k, struct inode *i)
{
  u64 size = below(3) ? below(LARGEST) : 0, old = model[k].size;
  if(size > old && !done_or_excused(object_extend(&i->object, size)))
    return;
  if(size <= old)
    object_truncate(&i->object, size);
  done_or_excused(i->ops->truncate(i, size));
  inode_modified(i);
  if(size > old)
    memset(model[k].bytes + old, 0, size - old);
  model[k].size = size;
}

static void
change(u32 k, struct inode *i)
{
  switch(below(8)){
  case 0:
    if(done_or_excused(unlink(k, i)))
      model[k].exists = false;
    break;
  case 1:
    resize(k, i);
    break;
  case 2:
    check_all(k, i);
    break;
  default:
    write_some(k, i);
  }
}

static void
step(void)
{
  u32 k = (u32)below(FILES);
  struct inode *i;
  int e = model[k].exists ? lookup(k, &i) : create(k, &i);
  if(!done_or_excused(e))
    return;
  if(!model[k].exists){
    model[k].exists = true;
    model[k].size = 0;
  }
  change(k, i);
  if(below(4) == 0)
    done_or_excused(write_back(i));
  inode_put(i);
  if(below(10) == 0)
    done_or_excused(super->sync(super));
  if(below(10) == 0)
    objects_shrink(below(200));
  if(below(10) == 0)
    super_shrink(super, below(FILES));
}

// The journal could not be written.  What the disk has is whole, if older, and works.
static void
start_over(void)
{
  struct inode *i;
  disk_fail(0);
  fail_allocation(0, FAIL_ONCE);
  finish_disk();
  mount();
  for(u32 k = 0; k < FILES; k++){
    model[k].exists = false;
    if(lookup(k, &i) != 0)
      continue;
    assert_int_equal(i->object.size, attempt(object_read, i, 0, LARGEST));
    assert_int_equal(unlink(k, i), 0);
    inode_put(i);
  }
}

// Nothing fails any more: every file is as the model says, also after the next mount.
static void
settle(void)
{
  struct inode *i;
  failing = false;
  fail_allocation(0, FAIL_ONCE);
  disk_fail(0);
  if(super->read_only)
    start_over();
  for(u32 round = 0; round < 2; round++){
    for(u32 k = 0; k < FILES; k++){
      int e = lookup(k, &i);
      assert_int_equal(e, model[k].exists ? 0 : -ENOENT);
      if(e)
        continue;
      check_all(k, i);
      assert_int_equal(write_back(i), 0);
      inode_put(i);
    }
    unmount_disk();
    mount();
  }
}

// Now and then an allocation fails, or a request of the disk.
static void
steps(bool memory_fails, u32 disk_fails)
{
  start();
  failing = memory_fails || disk_fails;
  for(u64 n = 0; n < host_rounds(600); n++){
    if(super->read_only)
      start_over();
    disk_fail(disk_fails);
    fail_allocation(memory_fails ? 1 + below(40) : 0, FAIL_ONCE);
    step();
  }
  settle();
  end();
}

static void random_steps(void) { steps(false, 0); }
static void without_memory(void) { steps(true, 0); }
static void on_a_bad_disk(void) { steps(false, 40); }

// ---- Many at once ----

static void
at_once(void (*fn)(void *), u32 often)
{
  for(u32 t = 1; t <= TASKS; t++)
    host_spawn(t, fn, (void *)(u64)t);
  preemption = often;
  host_join();
  preemption = 0;
}

static u64 added[FILES];

// Whoever gets an inode gets it whole, and there is one only: nothing that is added
// to it is lost, though it may leave memory at any time.
static void
add_ones(void *arg)
{
  for(u64 n = host_rounds(150); n > 0; n--){
    u32 k = (u32)below(FILES);
    struct inode *i;
    if(lookup(k, &i) != 0 || i->ino == 0 || i->nlink != 1 || !S_ISREG(i->mode))
      panic("file %u is not what it was", k);
    real_rw_write_lock(&i->lock);
    i->uid++;
    i->ops->update(i);
    real_rw_write_unlock(&i->lock);
    added[k]++;
    inode_put(i);
    if(below(3) == 0)
      super_shrink(super, FILES);
  }
}

static void
many_openers(void)
{
  struct inode *i;
  start();
  for(u32 k = 0; k < FILES; k++){
    assert_int_equal(create(k, &i), 0);
    inode_put(i);
  }
  at_once(add_ones, 20);
  for(u32 k = 0; k < FILES; k++){
    assert_int_equal(lookup(k, &i), 0);
    assert_int_equal(i->uid, added[k]);
    inode_put(i);
  }
  end();
}

// ---- Changes during commits ----

static int
grow(struct inode *i)
{
  struct frame *f;
  real_rw_write_lock(&i->lock);
  u64 size = i->object.size;
  int e = object_extend(&i->object, size + PAGE_SIZE);
  e = e ? e : object_page(&i->object, size >> PAGE_SHIFT, &f);
  if(e == 0){
    e = object_make_dirty(&i->object, f);
    frame_put(f, PIN_1);
  }
  i->dirty = true;
  e = e ? e : inode_update(i);
  real_rw_write_unlock(&i->lock);
  return e;
}

// Each has names of its own; the directory, bitmaps and blocks of inodes are everybody's.
static void
go_through_files(void *arg)
{
  for(u64 n = host_rounds(60); n > 0; n--){
    u32 k = (u32)(u64)arg * 4 + (u32)below(4);
    struct inode *i;
    int e = lookup(k, &i);
    e = e == -ENOENT ? create(k, &i) : e;
    assert_int_equal(e, 0);
    assert_int_equal(grow(i), 0);
    switch(below(4)){
    case 0: unlink(k, i); break;
    case 1: assert_int_equal(write_back(i), 0); assert_int_equal(i->ops->sync(i, false), 0); break;
    case 2: assert_int_equal(super->sync(super), 0); break;
    }
    inode_put(i);
  }
}

static void
replay(struct disk_event *v, u64 n)
{
  for(u64 i = 0; i < n; i++)
    if(v[i].op == BLOCK_WRITE)
      memcpy(disk_bytes + v[i].at, v[i].data, v[i].len);
}

// While one commits the others go on, and the disk is sound after every request.
static void
changes_during_commits(void)
{
  start();
  static u8 base[DISK];
  memcpy(base, disk_bytes, disk_size);
  disk_record(true);
  at_once(go_through_files, 20);
  end();
  disk_record(false);
  for(u32 s = 0; s < 60; s++){
    memcpy(disk_bytes, base, disk_size);
    replay(disk_events, below(disk_nevents));
    disk_expect_consistent();
  }
}

static void
come_and_go(void *arg)
{
  for(u64 n = host_rounds(600); n > 0; n--){
    struct inode *i;
    assert_int_equal(create((u32)(u64)arg, &i), 0);
    assert_int_equal(unlink((u32)(u64)arg, i), 0);
    inode_put(i);
  }
}

// A file that goes leaves its number to the next one, or as free, whatever happens just then.
static void
numbers_come_and_go(void)
{
  start();
  at_once(come_and_go, 4);
  end();
}

// ---- Without share counts ----

// The journal has their place.
static void
make_old(void)
{
  struct qfs_super *sb = (struct qfs_super *)disk_bytes;
  memcpy(disk_bytes + sb->shares_start * QFS_BLOCK, disk_bytes + sb->journal_start * QFS_BLOCK,
         QFS_BLOCK);
  memset(disk_bytes + sb->journal_start * QFS_BLOCK, 0, QFS_BLOCK);
  sb->journal_start = sb->shares_start;
  sb->journal_blocks += sb->shares_blocks;
  sb->shares_start = sb->shares_blocks = 0;
  sb->incompat &= ~QFS_INCOMPAT_SHARED;
  sb->checksum = qfs_super_checksum(sb);
}

static void
older_disk(void)
{
  struct inode *a, *b;
  disk_make(DISK);
  make_old();
  disk_expect_consistent();
  mount();
  buffer_make(LARGEST);
  assert_int_equal(create(0, &a), 0);
  assert_int_equal(create(1, &b), 0);
  assert_int_equal(attempt(object_write, a, 0, 5000), 5000);
  assert_int_equal(inode_clone(b, 0, a, 0, 0), -EOPNOTSUPP);
  assert_int_equal(b->object.size, 0);
  inode_put(a);
  inode_put(b);
  end();
}

// ---- Attributes ----

static void
attributes_stay(void)
{
  const struct timespec at = { 1, 999999999 }, mt = { 1UL << 40, 1 }, ct = { -5, 500000000 };
  const u32 mode = S_IFCHR | 06751;
  struct inode *i;
  start();
  assert_int_equal(root->ops->create(root, "file 0", 6, mode, 0x12345, &i), 0);
  assert_int_equal(root->ops->link(root, "file 1", 6, i), 0);
  real_rw_write_lock(&i->lock);
  i->uid = 70000;
  i->gid = ~1U;
  i->atime = at;
  i->mtime = mt;
  i->ctime = ct;
  assert_int_equal(i->ops->update(i), 0);
  real_rw_write_unlock(&i->lock);
  inode_put(i);
  unmount_disk();
  mount();
  assert_int_equal(lookup(0, &i), 0);
  assert_int_equal(i->mode, mode);
  assert_int_equal(i->nlink, 2);
  assert_int_equal(i->uid, 70000);
  assert_int_equal(i->gid, ~1U);
  assert_int_equal(i->rdev, 0x12345);
  assert_memory_equal(&i->atime, &at, sizeof at);
  assert_memory_equal(&i->mtime, &mt, sizeof mt);
  assert_memory_equal(&i->ctime, &ct, sizeof ct);
  inode_put(i);
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(random_steps, .frames = 3000),
    TEST(without_memory, .frames = 3000, .reaper = true, .harts = 2),
    TEST(on_a_bad_disk, .frames = 3000),
    TEST(many_openers, .frames = 3000, .harts = TASKS + 1),
    TEST(numbers_come_and_go, .frames = 3000, .harts = TASKS + 1),
    TEST(changes_during_commits, .frames = 3000, .harts = TASKS + 1),
    TEST(older_disk, .frames = 3000),
    TEST(attributes_stay, .frames = 3000),
  };
  return cmocka_run_group_tests_name("qfs", tests, NULL, NULL);
}
