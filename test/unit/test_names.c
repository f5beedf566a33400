// SPDX-License-Identifier: MIT
//
// Directories of qfs: many names, long ones, names of one hash, listing, a directory with
// two names.

#include "host/host.h"
#include "host/mounted.h"

static struct inode *root;

static void
start(void)
{
  disk_make(64 << 20)->pages_max = 64;
  assert_int_equal(mount_disk(), 0);
  root = super->root;
}

// All names are numbers, and equally long.
static u32
name_of(u32 k, char *name)
{
  return (u32)snprintk(name, 16, "%07u", k);
}

static void
create(struct inode *dir, u32 k)
{
  char name[16];
  struct inode *i;
  u32 len = name_of(k, name);
  assert_int_equal(dir->ops->create(dir, name, len, S_IFREG | 0644, 0, &i), 0);
  inode_put(i);
}

static void
expect_there(struct inode *dir, u32 k)
{
  char name[16];
  struct inode *i;
  u32 len = name_of(k, name);
  assert_int_equal(dir->ops->lookup(dir, name, len, &i), 0);
  inode_put(i);
}

// ---- Listing ----

// One entry at a time.
struct one { struct dir_sink d; u64 next; bool full; };

static bool
take_one(struct dir_sink *d, const char *name, u32 len, u64 ino, u32 mode, u64 next)
{
  struct one *o = (struct one *)d;
  if(o->full)
    return false;
  o->next = next;
  return o->full = true;
}

// Every entry comes once, whatever the buffer holds.
static void
expect_listed(struct inode *dir, u32 entries)
{
  struct one o = { .d = { take_one } };
  u32 n = 0;
  do {
    o.full = false;
    assert_int_equal(dir->ops->readdir(dir, o.next, &o.d), 0);
    n += o.full;
  } while(o.full && n <= entries);
  assert_int_equal(n, entries);
}

// ---- Names of one hash ----

static u32
hash_of(u32 k)
{
  char name[16];
  u32 len = name_of(k, name);
  return qfs_hash(((struct qfs_super *)disk_bytes)->hash_seed, name, len);
}

// The first name whose hash is that of one before it.
static u32
find_pair(u32 *other)
{
  enum { BITS = 20 };
  static u32 seen[1 << BITS];
  memset(seen, 0, sizeof seen);
  for(u32 k = 1; k < 10000000; k++){
    u32 hash = hash_of(k), *s = &seen[hash >> (32 - BITS)];
    if(*s && hash_of(*s) == hash){
      *other = *s;
      return k;
    }
    *s = k;
  }
  panic("no two names of one hash");
}

// The first name after k on that side of a hash.
static u32
next_name(u32 k, u32 hash, bool above)
{
  do
    k++;
  while(above ? hash_of(k) <= hash : hash_of(k) >= hash);
  return k;
}

// Two names of one hash are in the middle of a leaf, or beside it, when it is cut.
static void
names_of_one_hash(void)
{
  enum { NAMES = 300 };
  start();
  u32 a, b = find_pair(&a), hash = hash_of(a);
  for(u32 first = 0; first < 8; first++){
    char name[] = { 'd', (char)('0' + first) };
    struct inode *dir;
    u32 last[2] = { b, b };
    assert_int_equal(root->ops->create(root, name, 2, S_IFDIR | 0755, 0, &dir), 0);
    create(dir, a);
    create(dir, b);
    for(u32 n = 0; n < NAMES; n++){
      bool above = first < 4 ? n < first || n % 2 : n >= first - 4 && n % 2;
      create(dir, last[above] = next_name(last[above], hash, above));
    }
    expect_there(dir, a);
    expect_there(dir, b);
    expect_listed(dir, NAMES + 4);
    inode_put(dir);
  }
  finish_disk();
}

// ---- Scale ----

// n new names and a sync.  => requests
static u64
create_many(u32 n)
{
  static u32 next;
  u64 before = disk_device()->writes;
  for(u32 end = next + n; next < end; next++)
    create(root, next);
  super->sync(super);
  return disk_device()->writes - before;
}

// 10,000 names cost no more than 100 times what 100 do.
static void
many_names(void)
{
  start();
  create_many(100);
  u64 few = create_many(100), many = create_many(10000);
  assert_in_range(many, 1, 100 * few);
  finish_disk();
}

enum { LONG = 240 };

// It fills much of a leaf.
static void
long_name(u32 k, char *name)
{
  u32 len = name_of(k, name);
  memset(name + len, 'x', LONG - len);
}

static int
link_long(struct inode *dir, u32 k, struct inode *i)
{
  char name[LONG + 1];
  long_name(k, name);
  return dir->ops->link(dir, name, LONG, i);
}

// An index block gets full: the root is raised, and what is then below it is cut in two.
static void
two_levels_of_index(void)
{
  enum { NAMES = 8000 };
  char name[LONG + 1];
  struct inode *i, *found;
  start();
  assert_int_equal(root->ops->create(root, "0", 1, S_IFREG | 0644, 0, &i), 0);
  for(u32 k = 1; k < NAMES; k++)
    assert_int_equal(link_long(root, k, i), 0);
  assert_true(root->object.size > (QFS_DIR_FANOUT + 3) * QFS_BLOCK);
  assert_int_equal(i->nlink, NAMES);
  expect_listed(root, NAMES + 2);
  for(u32 k = 1; k < NAMES; k++){
    long_name(k, name);
    assert_int_equal(root->ops->lookup(root, name, LONG, &found), 0);
    assert_ptr_equal(found, i);
    assert_int_equal(root->ops->unlink(root, name, LONG, i), 0);
    inode_put(found);
  }
  assert_int_equal(i->nlink, 1);
  expect_listed(root, 3);
  inode_put(i);
  finish_disk();
}

// ---- Without memory ----

static void
link_at_last(struct inode *dir, u32 k, struct inode *i)
{
  int e = -ENOMEM;
  for(u64 n = 1; e; n++){
    fail_allocation(n, FAIL_ON);
    e = link_long(dir, k, i);
    assert_true(e == 0 || (e == -ENOMEM && allocation_failed()));
    fail_allocation(0, FAIL_ON);
  }
}

// Every allocation fails that a name asks for: it comes at last, and takes no more room.
static void
names_without_memory(void)
{
  enum { NAMES = 100 };
  struct inode *with, *without, *i;
  start();
  assert_int_equal(root->ops->create(root, "0", 1, S_IFREG | 0644, 0, &i), 0);
  assert_int_equal(root->ops->create(root, "a", 1, S_IFDIR | 0755, 0, &with), 0);
  assert_int_equal(root->ops->create(root, "b", 1, S_IFDIR | 0755, 0, &without), 0);
  for(u32 k = 0; k < NAMES; k++){
    assert_int_equal(link_long(with, k, i), 0);
    link_at_last(without, k, i);
  }
  expect_listed(without, NAMES + 2);
  assert_int_equal(without->object.size, with->object.size);
  inode_put(with);
  inode_put(without);
  inode_put(i);
  finish_disk();
}

// ---- Damage ----

// The tree would have a circle, which names in memory could not be rid of.
static void
second_name_of_a_directory(void)
{
  struct inode *d, *up;
  start();
  assert_int_equal(root->ops->create(root, "d", 1, S_IFDIR | 0755, 0, &d), 0);
  assert_int_equal(d->ops->link(d, "up", 2, root), 0);
  assert_int_equal(d->ops->lookup(d, "up", 2, &up), -EUCLEAN);
  inode_put(d);
  unmount_disk();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(names_of_one_hash, .frames = 20000),
    TEST(many_names, .frames = 20000),
    TEST(two_levels_of_index, .frames = 20000),
    TEST(names_without_memory, .frames = 20000),
    TEST(second_name_of_a_directory, .frames = 3000),
  };
  return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
