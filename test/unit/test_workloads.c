// SPDX-License-Identifier: MIT
//
// All workloads of one operation and of two, each followed by one way or none of making it
// last, and the states of the disk that a power failure may leave in them, at every moment.
//
//   names     are all as they were after one and the same step, none older than what was
//             synced: so a rename is whole
//   a file    has the size, and every sector the contents, of a step since it was synced
//
// From the same disk each time: /a and /c with contents, /d and /x empty directories.

#include "host/power.h"

enum { DISK = 1 << 20, IDS = 16, SECTORS = 96, STEPS = 6, LINK = 0777 };
enum { A = 1, C, D, X, FIRST_NEW };      // ids of what is there at first

// ---- Names ----

// Where a name is: in the root, or in the directory that is slot `dir`.
static const struct { const char *name; i32 dir; } slot[] = {
  { "a", -1 }, { "b", -1 }, { "c", -1 }, { "d", -1 }, { "x", -1 }, { "e", -1 }, { "s", -1 },
  { "l", 3 }, { "r", 3 }, { "l", 4 }, { "r", 4 },
};
enum { SLOTS = count_of(slot), S_A = 0, S_B, S_C, S_D, S_X, S_E, S_S, S_DL, S_DR, S_XL, S_XR };

static struct step {
  u64 begin, end;                        // events of the disk before it, and after
  u32 id[SLOTS];                         // then; 0: no such name
  struct contents file[IDS];
  u32 names, synced[IDS];                // steps that names, a file, are not older than
} step[STEPS];
static u32 now, ids, last;               // last: the id that the operation was about
static u32 changed[IDS], made[IDS];      // steps in which it last was, or lost a name; was made

static u8 base[DISK];

static struct inode *
find(u32 k)
{
  struct inode *dir = slot[k].dir < 0 ? super->root : find((u32)slot[k].dir), *i = NULL;
  if(slot[k].dir < 0)
    inode_get(dir);
  if(dir && (!S_ISDIR(dir->mode) ||
             dir->ops->lookup(dir, slot[k].name, (u32)strlen(slot[k].name), &i) != 0))
    i = NULL;
  inode_put(dir);
  return i;
}

static struct inode *
dir_of(u32 k)
{
  if(slot[k].dir >= 0)
    return find((u32)slot[k].dir);
  inode_get(super->root);
  return super->root;
}

static u32
slot_of(u32 id)
{
  u32 k = 0;
  while(k < SLOTS && step[now].id[k] != id)
    k++;
  return k;
}

// ---- Operations: each on fixed names, or nothing if these are not there ----

static bool
there(u32 k)
{
  u32 id = step[now].id[k];
  last = id && id < IDS ? id : last;
  return id != 0;
}

static void
touched(u32 id)
{
  last = id;
  changed[id] = now;
}

static void
make(u32 k, u32 type)
{
  struct inode *dir = dir_of(k), *i;
  u32 id = type == S_IFLNK ? LINK : ids++;
  if(type == S_IFLNK){
    assert_int_equal(dir->ops->symlink(dir, slot[k].name, 1, "a", 1), 0);
  } else {
    assert_int_equal(dir->ops->create(dir, slot[k].name, 1, type | id, 0, &i), 0);
    inode_put(i);
    made[id] = now;
    touched(id);
  }
  step[now].id[k] = id;
  inode_put(dir);
}

// The first of two names that is free.
static void
make_either(u32 k, u32 other, u32 type)
{
  if(!there(k) || !there(other))
    make(there(k) ? other : k, type);
}

static void create(void) { make_either(S_A, S_B, S_IFREG); }
static void make_dir(void) { make_either(S_D, S_E, S_IFDIR); }
static void symlink(void) { make_either(S_S, S_S, S_IFLNK); }

static u32
value_of(u32 id)
{
  return id << 16 | (now + 1);
}

static void
stamp(u32 id, u32 from, u32 to)
{
  contents_stamp(&step[now].file[id], from, to, value_of(id));
  touched(id);
}

static void
write(u32 from, u32 n)
{
  static u32 bytes[SECTORS * SECTOR / sizeof(u32)];
  if(!there(S_A))
    return;
  struct inode *i = find(S_A);
  u32 id = step[now].id[S_A];
  int e;
  from = from == SECTORS ? step[now].file[id].sectors : from;
  for(u32 b = 0; b < n * SECTOR / sizeof(u32); b++)
    bytes[b] = value_of(id);
  assert_int_equal(copy_to_user(buffer, bytes, n * SECTOR), 0);
  assert_int_equal(transfer(object_write, i, from * SECTOR, n * SECTOR, &e), n * SECTOR);
  inode_modified(i);
  inode_put(i);
  stamp(id, from, from + n);
}

static void overwrite(void) { write(2, 11); }
static void append(void) { write(SECTORS, 9); }
static void write_far(void) { write(64, 8); }

static void
resize(u32 sectors)
{
  if(!there(S_A))
    return;
  struct inode *i = find(S_A);
  u32 id = step[now].id[S_A];
  if(sectors > step[now].file[id].sectors)
    assert_int_equal(object_extend(&i->object, sectors * SECTOR), 0);
  else
    object_truncate(&i->object, sectors * SECTOR);
  assert_int_equal(i->ops->truncate(i, sectors * SECTOR), 0);
  inode_modified(i);
  inode_put(i);
  stamp(id, sectors, sectors);
  step[now].file[id].sectors = sectors;
}

static void truncate(void) { resize(3); }
static void extend(void) { resize(80); }

// Through a shared mapping.
static void
store(void)
{
  enum { AT = 64 * MiB };
  if(!there(S_A) || step[now].file[step[now].id[S_A]].sectors < 3)
    return;
  struct inode *i = find(S_A);
  u32 id = step[now].id[S_A];
  object_get(&i->object);
  assert_int_equal(vm_map(current->space, AT, 4096, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED | MAP_MAYWRITE, &i->object, 0, NULL), AT);
  for(u32 at = SECTOR; at < 3 * SECTOR; at += 8)
    assert_int_equal(user_store(AT + at, (u64)value_of(id) << 32 | value_of(id)), FAULT_OK);
  vm_unmap(current->space, AT, 4096);
  inode_modified(i);
  inode_put(i);
  stamp(id, 1, 3);
}

// A new file that shares the blocks of another.
static void
clone(void)
{
  if(!there(S_A) || there(S_B))
    return;
  u32 id = step[now].id[S_A];
  make(S_B, S_IFREG);
  struct inode *a = find(S_A), *b = find(S_B);
  assert_int_equal(inode_clone(b, 0, a, 0, 0), 0);
  step[now].file[step[now].id[S_B]] = step[now].file[id];
  inode_put(b);
  inode_put(a);
}

// Its first page.
static void
hole(void)
{
  enum { PAGE_SECTORS = 4096 / SECTOR };
  if(!there(S_A) || step[now].file[step[now].id[S_A]].sectors < PAGE_SECTORS)
    return;
  struct inode *i = find(S_A);
  u32 id = step[now].id[S_A];
  assert_int_equal(punch(i, 0, 1), 0);
  inode_put(i);
  contents_stamp(&step[now].file[id], 0, PAGE_SECTORS, 0);
  touched(id);
}

static void
link(void)
{
  if(!there(S_A) || !there(S_D) || there(S_DL))
    return;
  struct inode *dir = find(S_D), *i = find(S_A);
  assert_int_equal(dir->ops->link(dir, "l", 1, i), 0);
  inode_put(i);
  inode_put(dir);
  step[now].id[S_DL] = step[now].id[S_A];
  touched(step[now].id[S_A]);
}

static void
move(u32 from, u32 to)
{
  u32 *id = step[now].id;
  struct inode *fd = dir_of(from), *td = dir_of(to), *i = find(from);
  struct inode *over = id[to] ? find(to) : NULL;
  assert_int_equal(i->ops->rename(fd, slot[from].name, 1, i, td, slot[to].name, 1, over), 0);
  inode_put(over);
  inode_put(i);
  inode_put(td);
  inode_put(fd);
  touched(id[from]);
  id[to] = id[from];
  id[from] = 0;
}

static void
rename(void)
{
  if(there(S_A) && there(S_D) && !there(S_DR))
    move(S_A, S_DR);
}

static void
rename_over(void)
{
  if(there(S_C) && there(S_A))
    move(S_A, S_C);
}

static void
rename_dir(void)
{
  u32 *id = step[now].id;
  if(!there(S_D))
    return;
  move(S_D, S_X);
  memcpy(&id[S_XL], &id[S_DL], 2 * sizeof *id);
  id[S_DL] = id[S_DR] = 0;
}

static void
swap(void)
{
  u32 *id = step[now].id, was = id[S_A];
  if(!there(S_A) || !there(S_C))
    return;
  struct inode *a = find(S_A), *c = find(S_C), *root = super->root;
  assert_int_equal(root->ops->exchange(root, "a", 1, a, root, "c", 1, c), 0);
  inode_put(c);
  inode_put(a);
  touched(id[S_C]);
  touched(was);
  id[S_A] = id[S_C];
  id[S_C] = was;
}

static void
take_away(u32 k)
{
  if(!there(k))
    return;
  struct inode *i = find(k), *dir = dir_of(k);
  assert_int_equal(dir->ops->unlink(dir, slot[k].name, 1, i), 0);
  inode_put(dir);
  inode_put(i);
  step[now].id[k] = 0;
}

static void unlink(void) { take_away(S_A); }
static void rmdir(void) { if(!step[now].id[S_XL] && !step[now].id[S_XR]) take_away(S_X); }

static void (*const operation[])(void) = {
  create, make_dir, symlink, overwrite, append, write_far, truncate, extend, store, clone, hole,
  link, rename, rename_over, rename_dir, swap, unlink, rmdir,
};

// ---- Making it last ----

static void
sync_one(bool data_only)
{
  struct step *s = &step[now];
  u32 k = slot_of(last);
  struct inode *i = k < SLOTS ? find(k) : NULL;
  if(i == NULL)
    return;
  assert_int_equal(write_back(i), 0);
  assert_int_equal(i->ops->sync(i, data_only), 0);
  inode_put(i);
  s->synced[last] = now;
  s->names = max(s->names, (data_only ? made : changed)[last]);
}

static void fsync(void) { sync_one(false); }
static void fdatasync(void) { sync_one(true); }
static void nothing(void) { }

// All names, but not what was written to files.
static void
fsync_root(void)
{
  assert_int_equal(super->root->ops->update(super->root), 0);
  assert_int_equal(super->root->ops->sync(super->root, false), 0);
  step[now].names = now;
}

static void
sync_all(void)
{
  struct inode *i;
  list_for(i, &super->inodes, link)
    assert_int_equal(write_back(i), 0);
  assert_int_equal(super->sync(super), 0);
  for(u32 id = 1; id < IDS; id++)
    step[now].synced[id] = now;
  step[now].names = now;
}

static void (*const lasting[])(void) = { fsync, fdatasync, sync_all, fsync_root, nothing };
enum { WAYS = count_of(lasting) };

// ---- One workload ----

static void
do_step(void (*fn)(void))
{
  step[now + 1] = step[now];
  now++;
  step[now].begin = disk_nevents;
  fn();
  step[now].end = disk_nevents;
}

static struct step first;

static void
run(const u32 *choice, u32 n)
{
  memcpy(disk_bytes, base, DISK);
  assert_int_equal(mount_disk(), 0);
  step[0] = first;
  now = last = 0;
  ids = FIRST_NEW;
  memset(changed, 0, sizeof changed);
  memset(made, 0, sizeof made);
  disk_record(true);
  for(u32 i = 0; i < n; i++){
    do_step(operation[choice[2 * i]]);
    do_step(lasting[choice[2 * i + 1]]);
  }
  unmount_disk();
  disk_record(false);
}

// ---- Is it what was done? ----

static void
check_mounted(u64 p)
{
  u32 late = 0, synced = 0, found[SLOTS];
  struct inode *i[SLOTS];
  while(late < now && step[late + 1].begin <= p)
    late++;
  while(synced < now && step[synced + 1].end <= p)
    synced++;
  for(u32 k = 0; k < SLOTS; k++){
    i[k] = find(k);
    found[k] = i[k] ? i[k]->mode & 07777 : 0;
  }
  u32 s = step[synced].names;
  while(s <= late && memcmp(found, step[s].id, sizeof found) != 0)
    s++;
  if(s > late)
    lie("the names are of no step from %u to %u", step[synced].names, late);
  for(u32 k = 0; k < SLOTS; k++){
    if(i[k] && S_ISREG(i[k]->mode) && found[k] < IDS)
      contents_check(i[k], &step[0].file[found[k]], sizeof step[0],
                     step[synced].synced[found[k]], late);
    inode_put(i[k]);
  }
}

// Every state once: at each event all that was written, then all but each one, then any.
static void
look(struct disk_event *v, u64 n, u64 want)
{
  u64 total = 0, chance;
  for(u64 p = 0; p <= n; p++)
    total += 2 + p - power_since(v, p);
  chance = below(total);
  for(u64 p = 0; p <= n; p++)
    for(u64 k = 0, since = power_since(v, p); k < 2 + p - since; k++){
      chance += want;                    // as many of them, evenly
      if(chance < total)
        continue;
      chance -= total;
      memcpy(disk_bytes, base, DISK);
      power_cut(v, p, k == 0 ? CUT_NONE : k <= p - since ? CUT_ONE : CUT_RANDOM, since + k - 1);
      power_check(check_mounted, p);
      if(lies)
        return;
    }
}

static void
workload(const u32 *choice, u32 n, u64 want)
{
  run(choice, n);
  struct disk_event *v = disk_events;
  u64 events = disk_nevents;
  disk_events = NULL;                    // they are ours
  look(v, events, want);
  disk_free_events(v, events);
  if(lies)
    panic("operations %u %u %u %u", choice[0], choice[1], n > 1 ? choice[2] : 0,
          n > 1 ? choice[3] : 0);
}

// ---- The tests ----

static void
start(void)
{
  disk_make(DISK);
  assert_int_equal(mount_disk(), 0);
  buffer_make(SECTORS * SECTOR);
  memset(step, 0, sizeof step);
  now = 0;
  ids = A;
  make(S_A, S_IFREG);
  make(S_C, S_IFREG);
  make(S_D, S_IFDIR);
  make(S_X, S_IFDIR);
  write(0, 10);
  sync_all();
  unmount_disk();
  power_fill_free_blocks();
  memcpy(base, disk_bytes, DISK);
  first = step[0];
}

static void
one_operation(void)
{
  start();
  for(u32 n = 0; n < count_of(operation) * (WAYS - 1); n++)
    workload((u32[]){ n / (WAYS - 1), n % (WAYS - 1) }, 1, host_rounds(5));
  buffer_drop();
}

// The second is made to last; the first may be.
static void
two_operations(void)
{
  enum { OPS = count_of(operation), LAST = WAYS - 1 };
  u64 want = host_rounds(1);
  start();
  for(u32 n = 0; n < OPS * WAYS * OPS * LAST; n++)
    workload((u32[]){ n / (OPS * LAST * WAYS), n / (OPS * LAST) % WAYS, n / LAST % OPS, n % LAST },
             2, want);
  buffer_drop();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(one_operation, .frames = 3000),
    TEST(two_operations, .frames = 3000),
  };
  return cmocka_run_group_tests_name("workloads", tests, NULL, NULL);
}
