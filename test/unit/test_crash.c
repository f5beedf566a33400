// SPDX-License-Identifier: MIT
//
// Power failures: random work on a file system, with its disk's requests recorded; then
// the states that the disk may be in at any moment of it: all that was flushed, and of
// the writes since then all, some, or halves.  Each is checked by fsck, mounted, that
// may fail half-way too, and compared with what the work had done:
//
//   names     are all as they were after one and the same step: none before the last
//             one that was synced, none after the last one that had begun
//   a file    has the size, and every sector the contents, of some step since its
//             last fsync
//
// Disks and recoveries that are wrong in known ways must be caught by this.

#include "host/plant.h"
#include "host/power.h"

// A disk with little room, so that its blocks are used again and again; directories whose
// names nearly fill a block.
enum { DISK = 4 << 20, FREE = 48, NAMES = 6, STEPS = 36, IDS = 64, SECTORS = POWER_SECTORS };
enum { FILLERS = 34, NAME = 200, LINK = 0777 };      // LINK: a link's id
enum { STATES = 20, PIECES = 51 };     // looked at of one piece of work; of these
#define FILE_BYTES (SECTORS * SECTOR)

static struct inode *dirs[2];          // half of the names each

// ---- What the work did ----

static struct step {
  u64 begin;                           // events of the disk before it
  u32 id[NAMES];                       // afterwards; 0: no such name
  struct contents file[IDS];
  u32 synced_names;                    // step that names are not older than, from
  u32 synced[IDS];                     // `end` on; contents of a file
  u64 end;
} steps[STEPS];
static u32 now, ids;
static struct inode *nameless;         // one that is still open, or NULL
static u32 recent[2];                  // names that work is about for a while
static u32 changed[IDS];               // step in which the inode last did

// ---- Mounting ----

static u32
name_of(u32 k, char *name)
{
  return (u32)snprintk(name, NAME + 1, "%0*u", NAME, k);
}

static struct inode *dir_of(u32 k) { return dirs[k % 2]; }

static int
get_dirs(void)
{
  dirs[0] = super->root;
  return dirs[0]->ops->lookup(dirs[0], "dir", 3, &dirs[1]);
}

static int
mount(void)
{
  int e = mount_disk();
  return e ? e : get_dirs();
}

static struct inode *
find(u32 k)
{
  char name[NAME + 1];
  struct inode *i;
  u32 len = name_of(k, name);
  return dir_of(k)->ops->lookup(dir_of(k), name, len, &i) == 0 ? i : NULL;
}

static void
unmount(void)
{
  inode_put(dirs[1]);
  unmount_disk();
}

// ---- Steps ----

static bool
fine(int e)
{
  if(e && e != -ENOSPC)
    panic("error %d", e);
  return e == 0;
}

static void
create(u32 k)
{
  struct step *s = &steps[now];
  char name[NAME + 1];
  struct inode *i;
  u32 len = name_of(k, name), id = ++ids;
  if(ids == IDS - 1 || !fine(dir_of(k)->ops->create(dir_of(k), name, len, S_IFREG | id, 0, &i)))
    return;
  inode_put(i);
  s->id[k] = id;
  changed[id] = now;
}

// Its text has a block of its own.
static void
symlink(u32 k)
{
  char name[NAME + 1];
  u32 len = name_of(k, name);
  if(fine(dir_of(k)->ops->symlink(dir_of(k), name, len, name, len)))
    steps[now].id[k] = LINK;
}

// Sectors up to the end of the file or of a page, so that none is left half.
static void
write_some(struct inode *i, u32 id)
{
  static u32 bytes[FILE_BYTES / sizeof(u32)];
  struct contents *c = &steps[now].file[id];
  u32 from = (u32)(below(3) ? below(c->sectors + 1) : below(SECTORS));
  u32 n = 1 + (u32)below(below(3) ? 16 : 160);
  u32 value = id << 16 | (now + 1);
  from = min(from, (u32)SECTORS - 1);
  n = min(n, SECTORS - from);
  for(u32 b = 0; b < n * SECTOR / sizeof(u32); b++)
    bytes[b] = value;
  assert_int_equal(copy_to_user(buffer, bytes, n * SECTOR), 0);
  int e;
  u64 total = transfer(object_write, i, from * SECTOR, n * SECTOR, &e);
  fine(e);
  if(total == 0)
    return;
  assert_int_equal(total % SECTOR, 0);
  contents_stamp(c, from, from + (u32)(total / SECTOR), value);
  inode_modified(i);
  changed[id] = now;
}

static void
resize(struct inode *i, u32 id)
{
  struct contents *c = &steps[now].file[id];
  u32 size = (u32)below(SECTORS);
  if(size > c->sectors && !fine(object_extend(&i->object, size * SECTOR)))
    return;
  if(size <= c->sectors)
    object_truncate(&i->object, size * SECTOR);
  fine(i->ops->truncate(i, size * SECTOR));
  inode_modified(i);
  contents_stamp(c, size, size, 0);
  c->sectors = size;
  changed[id] = now;
}

static void
unlink(u32 k, struct inode *i)
{
  char name[NAME + 1];
  u32 len = name_of(k, name);
  assert_int_equal(dir_of(k)->ops->unlink(dir_of(k), name, len, i), 0);
  steps[now].id[k] = 0;
  if(nameless == NULL && below(2))
    nameless = inode_get(i);
}

static void
rename(u32 k, struct inode *i)
{
  struct step *s = &steps[now];
  char from[NAME + 1], to[NAME + 1];
  u32 other = (k + 1 + (u32)below(NAMES - 1)) % NAMES;
  u32 len = name_of(k, from), len2 = name_of(other, to);
  struct inode *replaced = s->id[other] ? find(other) : NULL;
  int e = i->ops->rename(dir_of(k), from, len, i, dir_of(other), to, len2, replaced);
  inode_put(replaced);
  if(!fine(e))
    return;
  if(s->id[k] != LINK)
    changed[s->id[k]] = now;
  s->id[other] = s->id[k];
  s->id[k] = 0;
}

// A clone that found too few blocks may have got as far as any page.
static void
took_over(struct inode *i, const struct contents *from, struct contents *to)
{
  enum { WORDS = SECTOR / sizeof(u32) };
  static u32 bytes[SECTORS * WORDS];
  i64 n = object_read_kernel(&i->object, 0, bytes, to->sectors * SECTOR);
  assert_int_equal(n, to->sectors * SECTOR);
  for(u32 k = 0; k < min(from->sectors, to->sectors); k++)
    if(bytes[k * WORDS] == from->stamp[k])
      to->stamp[k] = from->stamp[k];
}

// From now on another file, perhaps a new one, shares the blocks of this one; what it has
// beyond its end stays.
static void
clone(struct inode *i, u32 id, u32 k)
{
  struct step *s = &steps[now];
  if(s->id[k] == 0)
    create(k);
  struct contents *from = &s->file[id], *to = &s->file[s->id[k] % IDS];
  bool whole = from->sectors % (PAGE_SIZE / SECTOR) == 0 || to->sectors <= from->sectors;
  if(s->id[k] == 0 || s->id[k] == LINK || s->id[k] == id || from->sectors == 0 || !whole)
    return;
  struct inode *other = find(k);
  if(fine(inode_clone(other, 0, i, 0, 0))){
    memcpy(to->stamp, from->stamp, from->sectors * sizeof to->stamp[0]);
    to->sectors = max(to->sectors, from->sectors);
  } else {
    took_over(other, from, to);
  }
  changed[s->id[k]] = now;
  inode_put(other);
}

static void
make_hole(struct inode *i, u32 id)
{
  enum { PER_PAGE = PAGE_SIZE / SECTOR };
  struct contents *c = &steps[now].file[id];
  u32 pages = c->sectors / PER_PAGE, first = (u32)below(pages + 1), n = (u32)below(5);
  n = min(n, pages - first);
  if(n == 0 || !fine(punch(i, first, n)))
    return;
  contents_stamp(c, first * PER_PAGE, (first + n) * PER_PAGE, 0);
  changed[id] = now;
}

static void
fsync(struct inode *i, u32 id)
{
  struct step *s = &steps[now];
  assert_int_equal(write_back(i), 0);
  assert_int_equal(i->ops->sync(i, false), 0);
  s->synced[id] = now;
  s->synced_names = max(s->synced_names, changed[id]);
}

static void
sync_all(void)
{
  struct step *s = &steps[now];
  for(u32 k = 0; k < NAMES; k++){
    struct inode *i = s->id[k] ? find(k) : NULL;
    if(i && s->id[k] != LINK){
      assert_int_equal(write_back(i), 0);
      s->synced[s->id[k]] = now;
    }
    inode_put(i);
  }
  assert_int_equal(super->sync(super), 0);
  s->synced_names = now;
}

static void
step(void)
{
  struct step *s = &steps[now];
  u32 *is = &recent[below(2)], k = *is = below(2) ? *is : (u32)below(NAMES);
  if(nameless && below(4) == 0){
    inode_put(nameless);
    nameless = NULL;
  }
  if(below(12) == 0){
    sync_all();
    return;
  }
  if(s->id[k] == 0){
    (below(3) ? create : symlink)(k);
    return;
  }
  struct inode *i = find(k);
  switch(s->id[k] == LINK ? below(2) : below(11)){
  case 0:  unlink(k, i); break;
  case 1:  rename(k, i); break;
  case 2:  resize(i, s->id[k]); break;
  case 3:
  case 4:  fsync(i, s->id[k]); break;
  case 5:  assert_int_equal(write_back(i), 0); break;
  case 6:
  case 7:  clone(i, s->id[k], recent[is == recent]); break;
  case 8:  make_hole(i, s->id[k]); break;
  default: write_some(i, s->id[k]);
  }
  inode_put(i);
  if(below(6) == 0)
    objects_write_back(below(60));
}

static void
work(void)
{
  assert_int_equal(mount(), 0);
  disk_record(true);
  ids = 0;
  memset(steps, 0, sizeof steps);
  for(now = 1; now < STEPS; now++){
    steps[now] = steps[now - 1];
    steps[now].begin = disk_nevents;
    step();
    steps[now].end = disk_nevents;
  }
  inode_put(nameless);
  nameless = NULL;
  unmount();
  disk_record(false);
}

// ---- States of the disk ----

static u8 base[DISK];                  // before the first event

// ---- Is it what was done? ----

static void
check_mounted(u64 p)
{
  u32 last = 0, synced = 0, found[NAMES];
  if(get_dirs() != 0){
    lie("the directory is gone");
    return;
  }
  while(last + 1 < STEPS && steps[last + 1].begin <= p)
    last++;
  while(synced + 1 < STEPS && steps[synced + 1].end <= p)
    synced++;
  struct inode *i[NAMES];
  for(u32 k = 0; k < NAMES; k++){
    i[k] = find(k);
    found[k] = i[k] ? i[k]->mode & 07777 : 0;
  }
  u32 s = steps[synced].synced_names;
  while(s <= last && memcmp(found, steps[s].id, sizeof found) != 0)
    s++;
  if(s > last)
    lie("the names are of no step from %u to %u", steps[synced].synced_names, last);
  for(u32 k = 0; k < NAMES; k++){
    if(i[k] && found[k] < IDS)
      contents_check(i[k], &steps[0].file[found[k]], sizeof steps[0],
                     steps[synced].synced[found[k]], last);
    inode_put(i[k]);
  }
  inode_put(dirs[1]);
}

// ---- One state ----

static void (*spoil)(u8 *image, u64 p);  // what a wrong recovery makes of a state, or NULL

static void
check_state(const struct disk_event *events, u64 p)
{
  memcpy(disk_bytes, base, DISK);
  power_cut(events, p, CUT_ANY, 0);
  if(spoil)
    spoil(disk_bytes, p);
  power_check(check_mounted, p);
}

// ---- Moments ----

static void (*alter)(struct disk_event *v, u64 n);   // what a wrong disk or file system would do

// Any moment; often one just after a commit record has been sent, or a flush.
static u64
moment(const struct disk_event *v, u64 n)
{
  u64 p = below(n + 1);
  for(bool often = below(2); often && p < n; p++)
    if(disk_is_commit(&v[p]))
      return min(p + 1 + below(2), n);
  return p;
}

// ---- The tests ----

// Names in both directories of a file that leaves the others FREE blocks.
static void
fill(void)
{
  struct inode *i;
  struct statfs st;
  int e;
  char name[NAME + 1];
  for(u32 k = 0; k < FILLERS; k++){
    snprintk(name, sizeof name, "%*u", NAME, k);
    if(k == 0)
      assert_int_equal(dirs[0]->ops->create(dirs[0], name, NAME, S_IFREG, 0, &i), 0);
    else
      assert_int_equal(dirs[k % 2]->ops->link(dirs[k % 2], name, NAME, i), 0);
  }
  while(super->statfs(super, &st) == 0 && st.bfree > FREE){
    transfer(object_write, i, i->object.size, 8 * PAGE_SIZE, &e);
    assert_int_equal(e, 0);
    inode_modified(i);
  }
  inode_put(i);
}

static void
start(void)
{
  struct inode *d;
  buffer_make(FILE_BYTES);
  disk_make(DISK);
  assert_int_equal(mount_disk(), 0);
  dirs[0] = super->root;
  assert_int_equal(dirs[0]->ops->create(dirs[0], "dir", 3, S_IFDIR | 0755, 0, &d), 0);
  dirs[1] = d;
  fill();
  unmount();
  power_fill_free_blocks();
  memcpy(base, disk_bytes, DISK);
}

// The events of one piece of work, and states after them.
static void
crash(void)
{
  memcpy(disk_bytes, base, DISK);
  work();
  struct disk_event *events = disk_events;
  u64 n = disk_nevents;
  disk_events = NULL;                  // they are ours
  if(alter)
    alter(events, n);
  for(u32 k = 0; k < STATES && lies == 0; k++)
    check_state(events, moment(events, n));
  disk_free_events(events, n);
}

static void
states_of_the_disk(void)
{
  start();
  for(u64 n = host_rounds(PIECES); n > 0; n--)
    crash();
  buffer_drop();
  if(lies)
    panic("%u lies in %lu states", lies, states);
}

// What a program waits for that appends a page and syncs it; unless the journal is used up
// just then.
static void
requests_of_an_fsync(void)
{
  start();
  assert_int_equal(mount(), 0);
  memset(steps, 0, sizeof steps);
  now = ids = 0;
  create(0);
  struct inode *i = find(0);
  const struct qfs_log *g = &qfs_of(qfs_inode(i))->log;
  u32 counted = 0;
  assert_int_equal(copy_to_user(buffer, "a page", 6), 0);
  fsync(i, 1);
  for(u32 n = 0; n < 10; n++){
    u64 writes = disk_device()->writes, flushes = disk_device()->flushes, done;
    assert_int_equal(object_write(&i->object, n * PAGE_SIZE, buffer, PAGE_SIZE, &done), 0);
    inode_modified(i);
    fsync(i, 1);
    if(g->at == 1)
      continue;
    assert_in_range(disk_device()->writes - writes, 1, 3);
    assert_int_equal(disk_device()->flushes - flushes, 2);
    counted++;
  }
  assert_true(counted > 5);
  inode_put(i);
  unmount();
  buffer_drop();
}

// A directory without names is removed whose many blocks lie between those of another: it takes
// several transactions.  Whenever power fails it is there, or what is left of it is freed.
static void
check_no_orphan(u64 p)
{
  struct inode *i;
  int e = super->root->ops->lookup(super->root, "large", 5, &i);
  if(e == 0)
    inode_put(i);
  if(e && e != -ENOENT)
    lie("error %d", e);
}

// Names of one file, by turns in each of two directories; the first loses them again.
static void
fill_and_empty(struct inode **d, struct inode *file, u32 n)
{
  char name[224];
  for(u32 k = 0; k < 3 * n; k++){
    struct inode *dir = d[k < 2 * n ? k % 2 : 0];
    snprintk(name, sizeof name, "%0220u", k < 2 * n ? k / 2 : k - 2 * n);
    assert_int_equal(k < 2 * n ? dir->ops->link(dir, name, 220, file)
                               : dir->ops->unlink(dir, name, 220, file), 0);
  }
}

static void
half_freed_directory(void)
{
  enum { BYTES = 4 << 20, NAMES_EACH = 3600, LOOKS = 16 };
  static u8 full[BYTES];
  struct inode *d[2], *file;
  disk_make(BYTES);
  assert_int_equal(mount_disk(), 0);
  struct inode *root = super->root;
  assert_int_equal(root->ops->create(root, "large", 5, S_IFDIR | 0755, 0, &d[0]), 0);
  assert_int_equal(root->ops->create(root, "other", 5, S_IFDIR | 0755, 0, &d[1]), 0);
  assert_int_equal(root->ops->create(root, "file", 4, S_IFREG | 0644, 0, &file), 0);
  fill_and_empty(d, file, NAMES_EACH);
  super->sync(super);
  const struct qfs_log *g = &qfs_of(qfs_inode(root))->log;
  u64 before = g->running;
  memcpy(full, disk_bytes, BYTES);
  disk_record(true);
  assert_int_equal(root->ops->unlink(root, "large", 5, d[0]), 0);
  inode_put(d[0]);
  assert_true(g->running > before && list_empty(&qfs_of(qfs_inode(root))->orphans));
  inode_put(d[1]);
  inode_put(file);
  unmount_disk();
  disk_record(false);
  struct disk_event *events = disk_events;
  u64 n = disk_nevents;
  disk_events = NULL;                  // they are ours
  for(u32 k = 0; k < LOOKS && lies == 0; k++){
    u64 p = below(n + 1);
    memcpy(disk_bytes, full, BYTES);
    power_cut(events, p, CUT_ANY, 0);
    power_check(check_no_orphan, p);
  }
  disk_free_events(events, n);
  if(lies)
    panic("%u lies", lies);
}

// The test itself is at fault if it sees nothing wrong here.
static void
expect_lies(void (*events)(struct disk_event *, u64), void (*image)(u8 *, u64))
{
  alter = events;
  spoil = image;
  start();
  for(u32 n = 0; n < 1000 && lies == 0; n++)
    crash();
  buffer_drop();
  if(lies == 0)
    panic("nothing was found in %lu states", states);
}

static void without_flush_before_commit(void) { expect_lies(no_flush_before, NULL); }
static void without_flush_after_commit(void) { expect_lies(no_flush_after, NULL); }
static void without_flush_at_home(void) { expect_lies(no_flush_at_home, NULL); }
static void commit_before_data(void) { expect_lies(commit_first, NULL); }
static void recovery_stops_early(void) { expect_lies(NULL, stop_early); }

static void
expect_lies_of(enum plant fault)
{
  planted = fault;
  expect_lies(NULL, NULL);
}

static void freed_at_once(void) { expect_lies_of(FREED_AT_ONCE); }
static void unshared_at_once(void) { expect_lies_of(UNSHARED_AT_ONCE); }
static void freed_unmarked(void) { expect_lies_of(FREED_UNMARKED); }
static void data_late(void) { expect_lies_of(DATA_LATE); }
static void index_alone(void) { expect_lies_of(INDEX_ALONE); }
static void orphans_stay(void) { expect_lies_of(ORPHANS_STAY); }

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(states_of_the_disk, .frames = 3000),
    TEST(requests_of_an_fsync, .frames = 3000),
    TEST(half_freed_directory, .frames = 3000),
    TEST(without_flush_before_commit, .frames = 3000),
    TEST(without_flush_after_commit, .frames = 3000),
    TEST(without_flush_at_home, .frames = 3000),
    TEST(commit_before_data, .frames = 3000),
    TEST(recovery_stops_early, .frames = 3000),
    TEST(freed_at_once, .frames = 3000),
    TEST(unshared_at_once, .frames = 3000),
    TEST(freed_unmarked, .frames = 3000),
    TEST(data_late, .frames = 3000),
    TEST(index_alone, .frames = 3000),
    TEST(orphans_stay, .frames = 3000),
  };
  return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
