// SPDX-License-Identifier: MIT
//
// Every request that a piece of work makes of the disk fails in turn: once, or from there on.
// Each call succeeds or says -EIO (-EROFS once the journal could not be written, which is
// said), a mapping is a SIGBUS; the disk is consistent whatever happened, and what was
// synced before is there.

#include "host/power.h"

enum { DISK = 1 << 20, PAGES = 6, NAMES = 60, MAPPED = 64 * MiB };

static u64 kept;                         // what a sync said is on the disk; 0: nothing yet
static u64 failed;                       // calls that said so
static u32 faults;                       // of the mapping

static bool
done(int e)
{
  if(e && e != -EIO && e != -EROFS)
    panic("error %d", e);
  if(e == -EROFS && !super->read_only)
    panic("read-only, it says, and is not");
  failed += e != 0;
  return e == 0;
}

// ---- The work ----

static struct inode *
lookup(struct inode *dir, const char *name)
{
  struct inode *i;
  int e = dir->ops->lookup(dir, name, (u32)strlen(name), &i);
  return e != -ENOENT && done(e) ? i : NULL;
}

static struct inode *
make(struct inode *dir, const char *name, u32 mode)
{
  struct inode *i;
  return done(dir->ops->create(dir, name, (u32)strlen(name), mode, 0, &i)) ? i : NULL;
}

static bool
sync_file(struct inode *i)
{
  return done(write_back(i)) && done(i->ops->sync(i, false));
}

// All of a file becomes `value`; what it was is no longer promised, until it is synced.
static void
put(struct inode *i, u64 value)
{
  static u64 words[PAGES * PAGE_SIZE / 8];
  int e;
  for(u32 k = 0; k < count_of(words); k++)
    words[k] = value;
  assert_int_equal(copy_to_user(buffer, words, sizeof words), 0);
  kept = 0;
  bool all = transfer(object_write, i, 0, sizeof words, &e) == sizeof words;
  done(e);
  inode_modified(i);
  if(all && sync_file(i))
    kept = value;
}

static void
map_and_store(struct inode *i)
{
  u64 value = 0;
  object_get(&i->object);
  assert_int_equal(vm_map(current->space, MAPPED, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED | MAP_MAYWRITE, &i->object, 0, NULL), MAPPED);
  for(u32 k = 0; k < 2 * PAGES; k++){
    va_t at = MAPPED + k / 2 * PAGE_SIZE;
    enum fault f = k % 2 ? user_store(at, value) : user_load(at, &value);
    if(f != FAULT_OK && f != FAULT_IO && f != FAULT_ADRERR)
      panic("fault %d", f);
    faults += f != FAULT_OK;
  }
  vm_unmap(current->space, MAPPED, PAGES * PAGE_SIZE);
}

static void
names(struct inode *dir)
{
  char name[80];
  for(u32 k = 0; k < NAMES; k++){
    snprintk(name, sizeof name, "%070u", k);
    inode_put(make(dir, name, k % 7 ? S_IFREG | 0644 : S_IFDIR | 0755));
  }
  for(u32 k = 0; k < NAMES; k += 3){
    snprintk(name, sizeof name, "%070u", k);
    struct inode *i = lookup(dir, name);
    if(i && k % 2)
      done(dir->ops->unlink(dir, name, (u32)strlen(name), i));
    else if(i)
      done(dir->ops->rename(dir, name, (u32)strlen(name), i, super->root, name,
                            (u32)strlen(name), NULL));
    inode_put(i);
  }
}

// Another file has the same blocks; then it has one of its own, and then it is gone.
static void
share(struct inode *file)
{
  struct inode *copy = make(super->root, "copy", S_IFREG | 0644);
  int e;
  if(copy == NULL)
    return;
  if(done(inode_clone(copy, 0, file, 0, 0)) && sync_file(copy)){
    transfer(object_write, copy, PAGE_SIZE, PAGE_SIZE, &e);
    done(e);
    sync_file(copy);
  }
  done(super->root->ops->unlink(super->root, "copy", 4, copy));
  inode_put(copy);
}

static void
work_on(struct inode *file)
{
  struct inode *dir = make(super->root, "dir", S_IFDIR | 0755);
  put(file, 11);
  if(dir)
    names(dir);
  done(super->root->ops->symlink(super->root, "text", 4, "somewhere", 9));
  objects_shrink(~0UL);                  // so that all is read again
  map_and_store(file);
  put(file, 12);
  share(file);
  if(dir)
    done(dir->ops->link(dir, "other", 5, file));
  done(super->sync(super));
  inode_put(dir);
}

static void
work(void)
{
  failed = faults = 0;
  kept = 0;
  int e = mount_disk();
  if(e){
    failed++;
    assert_int_equal(e, -EIO);
    return;
  }
  struct inode *file = lookup(super->root, "file");
  if(file == NULL)
    file = make(super->root, "file", S_IFREG | 0644);
  if(file)
    work_on(file);
  inode_put(file);
  if(super->read_only && !host_log_has("read-only from now on"))
    panic("read-only, and nothing was said");
  unmount_disk();
}

// ---- Afterwards ----

static void
check_kept(u64 p)
{
  static u64 words[PAGES * PAGE_SIZE / 8];
  struct inode *file = lookup(super->root, "file");
  assert_non_null(file);
  assert_int_equal(object_read_kernel(&file->object, 0, words, sizeof words), sizeof words);
  for(u32 k = 0; k < count_of(words); k++)
    if(words[k] != kept)
      lie("word %u is %lu, not %lu", k, words[k], kept);
  inode_put(file);
}

static void
check_nothing(u64 p)
{
}

static u8 base[DISK];

// => how many requests it took
static u64
fail_at(u64 n, bool on)
{
  memcpy(disk_bytes, base, DISK);
  host_log_clear();
  disk_fail_at(n, on);
  work();
  u64 requests = disk_fail_at(0, false);
  disk_expect_consistent();
  power_check(kept ? check_kept : check_nothing, 0);
  if(lies)
    panic("request %lu failed%s", n, on ? ", and all after it" : "");
  return requests;
}

static void
every_request_fails(void)
{
  u64 refused = 0, buses = 0;
  disk_make(DISK);
  memcpy(base, disk_bytes, DISK);
  buffer_make(PAGES * PAGE_SIZE);
  u64 n = fail_at(0, false);
  assert_int_equal(failed, 0);
  assert_int_equal(kept, 12);
  for(u64 k = 1; k <= n; k++)
    for(u32 on = 0; on < 2; on++){
      fail_at(k, on);
      refused += failed > 0;
      buses += faults > 0;
    }
  assert_true(refused > n);
  assert_true(buses > 0);
  buffer_drop();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(every_request_fails, .frames = 3000),
  };
  return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
