// SPDX-License-Identifier: MIT
//
// Blocks that a growing file of qfs has ahead of its end, also when power fails.

#include "fs/stat.h"
#include "host/host.h"
#include "host/power.h"

enum { DISK = 4 << 20 };

static int
create(const char *name, struct inode **i)
{
  return super->root->ops->create(super->root, name, 1, S_IFREG | 0644, 0, i);
}

static u64
free_blocks(void)
{
  struct statfs st;
  assert_int_equal(super->statfs(super, &st), 0);
  return st.bfree;
}

// Pages from `page` on, n of them or as many as there is room for.  => how many
static u64
append(struct inode *i, u64 page, u64 n)
{
  u64 done = 0;
  int e = 0;
  for(; done < n; done++)
    if(transfer(object_write, i, (page + done) * PAGE_SIZE, PAGE_SIZE, &e) < PAGE_SIZE)
      break;
  assert_int_equal(e, done < n ? -ENOSPC : 0);
  inode_modified(i);
  return done;
}

static void
expect_hole(struct inode *i, u64 page, u64 end)
{
  u64 word;
  for(; page < end; page++){
    assert_int_equal(object_read_kernel(&i->object, page * PAGE_SIZE, &word, sizeof word),
                     sizeof word);
    assert_int_equal(word, 0);
  }
}

// The disk is sound should power fail now.
static void
sync_whole(struct inode *i)
{
  assert_int_equal(write_back(i), 0);
  assert_int_equal(super->sync(super), 0);
  disk_expect_consistent();
}

// They are not of its size, nor seen if it grows over them by a hole; who needs them more
// gets them, and all do once nobody uses the file.
static void
blocks_ahead(void)
{
  enum { PAGES = 40, HOLE = 100 };
  struct inode *i, *other;
  struct kstat st;
  static u8 cut_short[DISK];
  disk_make(DISK);
  power_fill_free_blocks();
  assert_int_equal(mount_disk(), 0);
  buffer_make(PAGE_SIZE);
  assert_int_equal(create("a", &i), 0);
  u64 before = free_blocks();
  assert_int_equal(append(i, 0, PAGES), PAGES);
  sync_whole(i);
  inode_stat(i, &st);
  assert_int_equal(st.blocks, (PAGES + 1) * (PAGE_SIZE / 512));
  assert_true(object_ahead(&i->object) > 0);
  assert_int_equal(free_blocks(), before - PAGES - 1);
  assert_int_equal(object_extend(&i->object, HOLE * PAGE_SIZE), 0);
  inode_modified(i);
  expect_hole(i, PAGES, HOLE);
  sync_whole(i);
  memcpy(cut_short, disk_bytes, DISK);
  inode_put(i);
  assert_int_equal(free_blocks(), before - PAGES - 1);

  assert_int_equal(create("b", &i), 0);
  assert_int_equal(append(i, 0, PAGES), PAGES);
  assert_true(object_ahead(&i->object) > 0);
  assert_int_equal(create("c", &other), 0);
  u64 room = before - 2 * (PAGES + 1), trees = (room + QFS_PTRS) / (QFS_PTRS + 1);
  assert_int_equal(append(other, 0, before), room - trees);
  assert_int_equal(object_ahead(&i->object) + object_ahead(&other->object) + free_blocks(), 0);
  inode_put(i);
  inode_put(other);
  finish_disk();

  memcpy(disk_bytes, cut_short, DISK);
  assert_int_equal(mount_disk(), 0);
  assert_int_equal(super->root->ops->lookup(super->root, "a", 1, &i), 0);
  expect_hole(i, PAGES, HOLE);
  inode_put(i);
  finish_disk();
  buffer_drop();
}

// ---- Power failures ----

enum { WORDS = PAGE_SIZE / sizeof(u64) };

static void
check_growing(u64 p)
{
  struct inode *i;
  u64 words[WORDS];
  if(super->root->ops->lookup(super->root, "a", 1, &i) != 0)
    return;                            // not even that was on the disk
  for(u64 page = 0; page < i->object.size / PAGE_SIZE; page++){
    object_read_kernel(&i->object, page * PAGE_SIZE, words, PAGE_SIZE);
    for(u32 k = 0; k < WORDS; k++)
      if(words[k] != page + 1)
        lie("page %lu of %lu has %lx", page, i->object.size / PAGE_SIZE, words[k]);
  }
  inode_put(i);
}

static void
grow(void)
{
  struct inode *i;
  u64 words[WORDS];
  assert_int_equal(create("a", &i), 0);
  for(u64 page = 0; page < 150; page++){
    for(u32 k = 0; k < WORDS; k++)
      words[k] = page + 1;
    copy_to_user(buffer, words, PAGE_SIZE);
    append(i, page, 1);
    switch(below(8)){
    case 0: inode_update(i); break;
    case 1: objects_write_back(below(20)); break;
    case 2: assert_int_equal(qfs_commit_all(qfs_of(qfs_inode(i))), 0); break;
    }
  }
  inode_put(i);
}

// Whenever that happens, what there is of a growing file is what was written.
static void
power_fails(void)
{
  enum { STATES = 60 };
  static u8 base[DISK];
  disk_make(DISK);
  power_fill_free_blocks();
  memcpy(base, disk_bytes, DISK);
  assert_int_equal(mount_disk(), 0);
  buffer_make(PAGE_SIZE);
  disk_record(true);
  grow();
  unmount_disk();
  disk_record(false);
  struct disk_event *events = disk_events;
  u64 n = disk_nevents;
  disk_events = NULL;                  // they are ours
  for(u32 k = 0; k < STATES && lies == 0; k++){
    u64 p = below(n + 1);
    memcpy(disk_bytes, base, DISK);
    power_cut(events, p, CUT_ANY, 0);
    power_check(check_growing, p);
  }
  disk_free_events(events, n);
  buffer_drop();
  if(lies)
    panic("%u lies in %lu states", lies, states);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(blocks_ahead, .frames = 3000),
    TEST(power_fails, .frames = 3000),
  };
  return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
