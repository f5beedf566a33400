// SPDX-License-Identifier: MIT
//
// qfs short of blocks, or of memory: what cannot be had is refused, and nothing is lost.

#include "host/host.h"
#include "host/mounted.h"

enum { DISK = 4 << 20, LARGEST = 200000 };

static struct inode *root;

static void
start(void)
{
  disk_make(DISK);
  assert_int_equal(mount_disk(), 0);
  root = super->root;
  buffer_make(LARGEST);
}

static void
end(void)
{
  finish_disk();
  buffer_drop();
}

static int
create(u32 k, struct inode **i)
{
  char name[16];
  u32 len = (u32)snprintk(name, sizeof name, "file %u", k);
  return root->ops->create(root, name, len, S_IFREG | 0644, 0, i);
}

static void
delete(const char *name)
{
  struct inode *i;
  u32 len = (u32)strlen(name);
  assert_int_equal(root->ops->lookup(root, name, len, &i), 0);
  assert_int_equal(root->ops->unlink(root, name, len, i), 0);
  inode_put(i);
}

// ---- The last blocks ----

static u64
room(void)
{
  struct statfs st;
  assert_int_equal(super->sync(super), 0);
  assert_int_equal(super->statfs(super, &st), 0);
  return st.bfree;
}

// Files of a page each, until `left` blocks are free.
static void
fill_disk(u64 left)
{
  static u32 next = 100;
  struct inode *i;
  int e;
  while(room() > left){
    assert_int_equal(create(next++, &i), 0);
    u64 n = room() > left ? min(room() - left, 8UL) : 0;
    assert_int_equal(transfer(object_write, i, 0, n * PAGE_SIZE, &e), n * PAGE_SIZE);
    assert_int_equal(write_back(i), 0);
    inode_put(i);
  }
  assert_int_equal(room(), left);
}

// A page far out in a file needs blocks of the tree too.  What is there for the first of them
// is no reason to try again.
static void
too_few_blocks(void)
{
  struct inode *i;
  int e;
  start();
  assert_int_equal(create(0, &i), 0);
  for(u64 left = 3; left > 0; left--){
    fill_disk(left - 1);
    assert_int_equal(object_extend(&i->object, 1UL << 40), 0);
    assert_int_equal(transfer(object_write, i, 1UL << 39, PAGE_SIZE, &e), 0);
    assert_int_equal(e, -ENOSPC);
    assert_int_equal(room(), left - 1);
  }
  inode_put(i);
  end();
}

// What has been deleted is free once the transaction is on the disk: who needs it, for
// metadata or for data, sees to that.
static void
freed_soon(void)
{
  char text[PATH_MAX - 1];
  struct inode *i;
  int e;
  memset(text, 'x', sizeof text);
  start();
  fill_disk(0);
  delete("file 100");
  assert_int_equal(root->ops->symlink(root, "link", 4, text, sizeof text), 0);
  fill_disk(0);
  delete("file 101");
  assert_int_equal(create(0, &i), 0);
  assert_int_equal(transfer(object_write, i, 0, PAGE_SIZE, &e), PAGE_SIZE);
  assert_int_equal(write_back(i), 0);
  inode_put(i);
  end();
}

// The first pages have become the copy's already: they are not in the way when it grows.
static void
half_a_clone(void)
{
  static char bytes[4 * PAGE_SIZE];
  struct inode *from, *to;
  int e;
  start();
  assert_int_equal(create(0, &from), 0);
  assert_int_equal(create(1, &to), 0);
  assert_int_equal(transfer(object_write, from, 0, LARGEST, &e), LARGEST);
  assert_int_equal(write_back(from), 0);
  fill_disk(0);
  assert_int_equal(inode_clone(to, 0, from, 0, 0), -ENOSPC);
  assert_int_equal(to->object.size, 0);
  assert_int_equal(object_extend(&to->object, 4 * PAGE_SIZE), 0);
  assert_int_equal(object_read_kernel(&to->object, 0, bytes, sizeof bytes), sizeof bytes);
  for(u32 k = 0; k < sizeof bytes; k++)
    assert_int_equal(bytes[k], 0);
  inode_put(from);
  inode_put(to);
  end();
}

// ---- Without memory ----

// A link's text has got its block, and then there is no page for it.
static void
link_without_memory(void)
{
  char text[PATH_MAX - 1];
  memset(text, 'x', sizeof text);
  start();
  u64 before = room();
  for(u64 k = 1; ; k++){
    fail_allocation(k, FAIL_ONCE);
    int e = root->ops->symlink(root, "link", 4, text, sizeof text);
    bool failed = allocation_failed();
    fail_allocation(0, FAIL_ONCE);
    if(e == 0 && !failed)
      break;
    assert_true(e == 0 || e == -ENOMEM);
    if(e == 0)
      delete("link");
    assert_in_range(room(), before - 2, before);
  }
  end();
}

// A page far out in a new file, which goes again.  => has its k-th allocation failed?
static bool
write_far_out(u64 k)
{
  enum { FAR = 1 << 30 };
  struct inode *i;
  int e;
  assert_int_equal(create(0, &i), 0);
  assert_int_equal(transfer(object_write, i, 0, PAGE_SIZE, &e), PAGE_SIZE);
  assert_int_equal(write_back(i), 0);
  fail_allocation(k, FAIL_ON);
  e = object_extend(&i->object, FAR + PAGE_SIZE);
  if(e == 0)
    transfer(object_write, i, FAR, PAGE_SIZE, &e);
  assert_true(e == 0 || e == -ENOMEM);
  e = write_back(i);
  assert_true(e == 0 || e == -ENOMEM);
  bool failed = allocation_failed();
  fail_allocation(0, FAIL_ON);
  assert_int_equal(write_back(i), 0);
  assert_int_equal(root->ops->unlink(root, "file 0", 6, i), 0);
  inode_put(i);
  return failed;
}

// Levels of its tree, and their blocks: what is made in vain goes again.
static void
growth_without_memory(void)
{
  start();
  write_far_out(0);
  u64 before = room(), k = 1;
  for(; write_far_out(k); k++)
    assert_int_equal(room(), before);
  assert_true(k > 10);
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(too_few_blocks, .frames = 3000),
    TEST(freed_soon, .frames = 3000),
    TEST(half_a_clone, .frames = 3000),
    TEST(link_without_memory, .frames = 3000, .reaper = true, .harts = 2),
    TEST(growth_without_memory, .frames = 3000, .reaper = true, .harts = 2),
  };
  return cmocka_run_group_tests_name("short", tests, NULL, NULL);
}
