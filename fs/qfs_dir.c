// SPDX-License-Identifier: MIT
//
// Directories: a B-tree over the hashes of the names (drawn in qfs_format.h).
// Nodes are split when they are full and never joined; an emptied leaf waits for
// names of its hashes to come back.  Iteration goes by rising hash, so names that
// stay are seen exactly once however the tree changes meanwhile.
//
// Locks: the directory's, held by the callers.

#include "fs/qfs.h"
#include "kernel/string.h"
#include "mm/slab.h"

#define HASHES (1UL << 32)

static struct qfs_dirblock *
node_of(const struct frame *f)
{
  return frame_kva(f);
}

static u32
hash_of(struct qfs_inode *dir, const char *name, u32 len)
{
  return qfs_hash(qfs_of(dir)->sb->hash_seed, name, len);
}

// ---- Nodes ----

// Block n of the directory.  => pinned
static int
node_get(struct qfs_inode *dir, u64 n, struct frame **f)
{
  struct qfs_run run;
  int e = qfs_map(dir, n, 1, false, &run);
  if(e)
    return e;
  e = run.block ? qfs_meta_get(qfs_of(dir), run.block, f) : -EUCLEAN;
  if(e || qfs_dirblock_ok(node_of(*f)))
    return e;
  qfs_meta_put(*f);
  return -EUCLEAN;
}

static __attribute__((noinline)) int
top_read(struct qfs_inode *dir)
{
  struct qfs *fs = qfs_of(dir);
  struct frame *f;
  int e = node_get(dir, 0, &f);
  if(e)
    return e;
  spin_lock(&fs->bits_lock);
  struct frame *theirs = dir->top;       // another reader was as far
  if(theirs == NULL)
    atomic_store_rel(&dir->top, f);
  spin_unlock(&fs->bits_lock);
  if(theirs)
    qfs_meta_put(f);
  return 0;
}

// The root, where all ways begin.  The directory keeps it: it is not the caller's to put.
static inline int
top_get(struct qfs_inode *dir, struct frame **f)
{
  int e = likely(atomic_load_acq(&dir->top)) ? 0 : top_read(dir);
  if(e)
    return e;
  *f = dir->top;
  return qfs_dirblock_ok(node_of(*f)) ? 0 : -EUCLEAN;
}

// A new block at the directory's end, an empty node.  => pinned, its number in *n
static int
node_new(struct qfs_inode *dir, u32 level, u64 *n, struct frame **f)
{
  *n = dir->vfs.object.size / QFS_BLOCK;
  int e = qfs_map_new(dir, *n, f);
  if(e)
    return e;
  node_of(*f)->head = (struct qfs_dirhead){ .magic = QFS_DIR_MAGIC, .level = level };
  dir->vfs.object.size += QFS_BLOCK;
  return 0;
}

// ---- Leaves ----

static u32
leaf_room(const struct qfs_dirblock *b)
{
  return QFS_DIR_SPACE - b->head.count * sizeof(struct qfs_dirent) - b->head.name_bytes;
}

// The first entry whose hash is not below `hash`.
static u32
leaf_search(const struct qfs_dirblock *b, u32 hash)
{
  u32 low = 0, high = b->head.count;
  while(low < high){
    u32 mid = (low + high) / 2;
    if(b->entry[mid].hash < hash)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static u32
names_start(const struct qfs_dirblock *b)
{
  return QFS_BLOCK - b->head.name_bytes;
}

// => the name's bytes, or NULL if the entry points out of the names
static const char *
entry_name(const struct qfs_dirblock *b, const struct qfs_dirent *d)
{
  bool ok = d->name_off >= names_start(b) && d->name_off + d->name_len <= QFS_BLOCK;
  return ok ? (const char *)b + d->name_off : NULL;
}

static inline void
leaf_insert(struct qfs_dirblock *b, u32 slot, struct qfs_dirent d, const char *name)
{
  struct qfs_dirent *at = &b->entry[slot];
  memmove(at + 1, at, (b->head.count - slot) * sizeof(*at));
  b->head.count++;
  b->head.name_bytes += d.name_len;
  d.name_off = names_start(b);
  memcpy((char *)b + d.name_off, name, d.name_len);
  *at = d;
}

// The names below the one that goes move up over it.
static void
leaf_erase(struct qfs_dirblock *b, u32 slot)
{
  struct qfs_dirent *at = &b->entry[slot], gone = *at;
  u32 start = names_start(b);
  b->head.count--;
  b->head.name_bytes -= gone.name_len;
  memmove(at, at + 1, (b->head.count - slot) * sizeof(*at));
  if(gone.name_off <= start)
    return;
  memmove((char *)b + start + gone.name_len, (char *)b + start, gone.name_off - start);
  for(u32 i = 0; i < b->head.count; i++)
    if(b->entry[i].name_off < gone.name_off)
      b->entry[i].name_off += gone.name_len;
}

// ---- Going down ----

// The way from the root to a leaf; every block below the root pinned.
struct way {
  u32 depth;
  struct { struct frame *f; u32 slot; } at[QFS_DIR_LEVELS];   // slot: the child's
};

static void
way_put(struct way *w)
{
  for(u32 i = 1; i < w->depth; i++)
    qfs_meta_put(w->at[i].f);
}

// The last child whose first hash is not above `hash`.
static u32
index_search(const struct qfs_dirblock *b, u32 hash)
{
  u32 low = 0, high = b->head.count;
  while(high - low > 1){
    u32 mid = (low + high) / 2;
    if(b->index[mid].hash <= hash)
      low = mid;
    else
      high = mid;
  }
  return low;
}

// What entry i of a node of the index leads to.  => pinned
static int
child_get(struct qfs_inode *dir, const struct qfs_dirblock *b, u32 i, struct frame **f)
{
  int e = node_get(dir, b->index[i].block, f);
  if(e || node_of(*f)->head.level + 1 == b->head.level)
    return e;
  qfs_meta_put(*f);
  return -EUCLEAN;
}

static int
way_down(struct qfs_inode *dir, u32 hash, struct way *w)
{
  int e = top_get(dir, &w->at[0].f);
  w->depth = e ? 0 : 1;
  while(e == 0){
    const struct qfs_dirblock *b = node_of(w->at[w->depth - 1].f);
    if(b->head.level == 0)
      return 0;
    u32 i = w->at[w->depth - 1].slot = index_search(b, hash);
    e = child_get(dir, b, i, &w->at[w->depth].f);
    w->depth += e == 0;
  }
  way_put(w);
  return e;
}

// From the root, which *f is, down to the leaf.
static __attribute__((noinline)) int
descend(struct qfs_inode *dir, u32 hash, struct frame **f, u64 *next)
{
  int e = 0;
  while(e == 0 && node_of(*f)->head.level > 0){
    struct frame *above = *f;
    const struct qfs_dirblock *b = node_of(above);
    u32 i = index_search(b, hash);
    if(i + 1U < b->head.count)
      *next = b->index[i + 1].hash;
    e = child_get(dir, b, i, f);
    qfs_leaf_put(dir, above);
  }
  return e;
}

// The leaf for a hash, for qfs_leaf_put; *next: the first hash that is not under it.
static inline int
leaf_get(struct qfs_inode *dir, u32 hash, struct frame **leaf, u64 *next)
{
  int e = top_get(dir, leaf);
  *next = HASHES;
  return e || node_of(*leaf)->head.level == 0 ? e : descend(dir, hash, leaf, next);
}

// ---- Finding ----

// => the slot of a name, or -ENOENT, -EUCLEAN
static int
leaf_find(const struct qfs_dirblock *b, u32 hash, const char *name, u32 len)
{
  for(u32 i = leaf_search(b, hash); i < b->head.count && b->entry[i].hash == hash; i++){
    const struct qfs_dirent *d = &b->entry[i];
    const char *there = entry_name(b, d);
    if(there == NULL)
      return -EUCLEAN;
    if(d->name_len == len && memcmp(there, name, len) == 0)
      return i;
  }
  return -ENOENT;
}

int
qfs_dir_find(struct qfs_inode *dir, const char *name, u32 len, struct qfs_spot *s)
{
  u64 next;
  if(len > QFS_NAME_MAX)
    return -ENAMETOOLONG;
  if(dir->vfs.object.size == 0)
    return -ENOENT;
  u32 hash = s->hash = hash_of(dir, name, len);
  int e = leaf_get(dir, hash, &s->leaf, &next);
  if(e)
    return e;
  int slot = leaf_find(node_of(s->leaf), hash, name, len);
  s->slot = slot;
  if(slot < 0)
    qfs_leaf_put(dir, s->leaf);
  return min(slot, 0);
}

u64
qfs_dir_ino(const struct qfs_spot *s)
{
  return node_of(s->leaf)->entry[s->slot].ino;
}

// ---- Splitting ----

// The root moves into a block of its own and becomes the index above it.
static int
raise_root(struct qfs_inode *dir, struct frame *root)
{
  struct qfs_dirblock *b = node_of(root);
  struct frame *f;
  u64 n;
  if(b->head.level + 1 == QFS_DIR_LEVELS)
    return -ENOSPC;
  int e = node_new(dir, b->head.level, &n, &f);
  if(e)
    return e;
  memcpy(node_of(f), b, QFS_BLOCK);
  b->head = (struct qfs_dirhead){ .magic = QFS_DIR_MAGIC, .level = b->head.level + 1, .count = 1 };
  b->index[0] = (struct qfs_dirindex){ 0, n };
  qfs_meta_dirty(qfs_of(dir), f);
  qfs_meta_dirty(qfs_of(dir), root);
  qfs_meta_put(f);
  return 0;
}

// Where to cut a leaf: as near to the middle of its bytes as hashes differ.
// => 0 if it has but one hash
static u32
leaf_middle(const struct qfs_dirblock *b)
{
  u32 n = b->head.count, mid = 0;
  for(u32 bytes = 0; bytes < (QFS_DIR_SPACE - leaf_room(b)) / 2 && mid < n; mid++)
    bytes += sizeof(struct qfs_dirent) + b->entry[mid].name_len;
  for(u32 d = 0; d < n; d++){
    if(mid + d > 0 && mid + d < n && b->entry[mid + d].hash != b->entry[mid + d - 1].hash)
      return mid + d;
    if(mid > d && mid - d < n && b->entry[mid - d].hash != b->entry[mid - d - 1].hash)
      return mid - d;
  }
  return 0;
}

// Entries [from, to) of a leaf and their names become all there is in another.
// => false if an entry is damaged
static bool
leaf_copy(struct qfs_dirblock *to, const struct qfs_dirblock *b, u32 from, u32 end)
{
  to->head.count = to->head.name_bytes = 0;
  for(u32 i = from; i < end; i++){
    const char *name = entry_name(b, &b->entry[i]);
    if(name == NULL || leaf_room(to) < sizeof(struct qfs_dirent) + b->entry[i].name_len)
      return false;
    leaf_insert(to, to->head.count, b->entry[i], name);
  }
  return true;
}

static int
split_leaf(struct qfs_dirblock *b, struct qfs_dirblock *upper, u32 *hash)
{
  u32 mid = leaf_middle(b);
  if(mid == 0)
    return -ENOSPC;
  struct qfs_dirblock *lower = kmalloc(QFS_BLOCK);
  if(lower == NULL)
    return -ENOMEM;
  lower->head = b->head;
  bool ok = leaf_copy(upper, b, mid, b->head.count) && leaf_copy(lower, b, 0, mid);
  if(ok)
    memcpy(b, lower, QFS_BLOCK);
  kfree(lower);
  *hash = upper->entry[0].hash;
  return ok ? 0 : -EUCLEAN;
}

static void
split_index(struct qfs_dirblock *b, struct qfs_dirblock *upper, u32 *hash)
{
  u32 mid = b->head.count / 2;
  upper->head.count = b->head.count - mid;
  memcpy(upper->index, &b->index[mid], upper->head.count * sizeof(upper->index[0]));
  b->head.count = mid;
  *hash = upper->index[0].hash;
}

// The upper half of w->at[i] moves to a new node, for which its parent has room.
static int
split(struct qfs_inode *dir, struct way *w, u32 i)
{
  struct qfs *fs = qfs_of(dir);
  struct frame *f;
  u32 hash;
  u64 n;
  struct qfs_dirblock *b = node_of(w->at[i].f), *parent = node_of(w->at[i - 1].f);
  int e = node_new(dir, b->head.level, &n, &f);
  if(e)
    return e;
  if(b->head.level > 0)
    split_index(b, node_of(f), &hash);
  else
    e = split_leaf(b, node_of(f), &hash);
  qfs_meta_dirty(fs, f);
  qfs_meta_put(f);
  if(e){
    dir->vfs.object.size -= QFS_BLOCK;   // the block stays for the next one
    return e;
  }
  struct qfs_dirindex *at = &parent->index[w->at[i - 1].slot + 1];
  memmove(at + 1, at, (char *)&parent->index[parent->head.count] - (char *)at);
  *at = (struct qfs_dirindex){ hash, n };
  parent->head.count++;
  qfs_meta_dirty(fs, w->at[i].f);
  qfs_meta_dirty(fs, w->at[i - 1].f);
  return 0;
}

// A way whose leaf is full: split the uppermost node that has to be split for it.
static int
make_room(struct qfs_inode *dir, struct way *w)
{
  u32 i = w->depth - 1;
  while(i > 0 && node_of(w->at[i - 1].f)->head.count == QFS_DIR_FANOUT)
    i--;
  return i == 0 ? raise_root(dir, w->at[0].f) : split(dir, w, i);
}

// ---- Changing ----

// The leaf for a hash is full.  => -EAGAIN: a node was split for it; -ENOSPC ...
static __attribute__((noinline)) int
grow(struct qfs_inode *dir, u32 hash)
{
  struct way w;
  int e = way_down(dir, hash, &w);
  if(e)
    return e;
  e = make_room(dir, &w);
  qfs_inode_store(dir);
  way_put(&w);
  return e ? e : -EAGAIN;
}

int
qfs_dir_room(struct qfs_inode *dir, const char *name, u32 len, struct qfs_spot *s)
{
  u64 n, next;
  if(len > QFS_NAME_MAX)
    return -ENAMETOOLONG;
  u32 hash = s->hash = hash_of(dir, name, len);
  if(dir->vfs.object.size == 0)
    return node_new(dir, 0, &n, &s->leaf);     // no root to keep before somebody looks for it
  int e = leaf_get(dir, hash, &s->leaf, &next);
  if(e || leaf_room(node_of(s->leaf)) >= sizeof(struct qfs_dirent) + len)
    return e;
  qfs_leaf_put(dir, s->leaf);
  return grow(dir, hash);
}

static u8
type_of(u32 mode)
{
  return (mode & S_IFMT) >> 12;
}

void
qfs_dir_insert(struct qfs_inode *dir, struct qfs_spot *s, const char *name, u32 len,
               u32 mode, u64 ino)
{
  struct qfs_dirblock *b = node_of(s->leaf);
  struct qfs_dirent d = { .hash = s->hash, .name_len = len, .type = type_of(mode), .ino = ino };
  u32 slot = leaf_search(b, d.hash);
  while(slot < b->head.count && b->entry[slot].hash == d.hash)
    slot++;
  leaf_insert(b, slot, d, name);
  dir->entries++;
  qfs_meta_dirty(qfs_of(dir), s->leaf);
}

void
qfs_dir_erase(struct qfs_inode *dir, struct qfs_spot *s)
{
  leaf_erase(node_of(s->leaf), s->slot);
  dir->entries--;
  qfs_meta_dirty(qfs_of(dir), s->leaf);
}

void
qfs_dir_retarget(struct qfs_inode *dir, struct qfs_spot *s, u32 mode, u64 ino)
{
  struct qfs_dirent *d = &node_of(s->leaf)->entry[s->slot];
  d->ino = ino;
  d->type = type_of(mode);
  qfs_meta_dirty(qfs_of(dir), s->leaf);
}

// ---- Listing ----
//
// A place in the listing: 0 is `.`, 1 is `..`, then FIRST + (hash << 8 | how many
// entries of that hash come before); a leaf holds less than 256.

enum { FIRST = 2 };

static u64
place_of(u32 hash, u32 nth)
{
  return FIRST + ((u64)hash << 8 | nth);
}

// Entries from place `off` on.  => 1 to go on, 0 if the buffer is full, -EUCLEAN
static int
list_leaf(const struct qfs_dirblock *b, u64 off, struct dir_sink *d)
{
  u32 nth = 0;
  for(u32 i = leaf_search(b, (off - FIRST) >> 8); i < b->head.count; i++, nth++){
    const struct qfs_dirent *e = &b->entry[i];
    const char *name = entry_name(b, e);
    if(name == NULL)
      return -EUCLEAN;
    if(i > 0 && b->entry[i - 1].hash != e->hash)
      nth = 0;
    u64 place = place_of(e->hash, nth);
    if(place >= off && !d->add(d, name, e->name_len, e->ino, (u32)e->type << 12, place + 1))
      return 0;
  }
  return 1;
}

static int
list_entries(struct qfs_inode *dir, u64 off, struct dir_sink *d)
{
  for(;;){
    u64 hash = (off - FIRST) >> 8, next;
    struct frame *f;
    if(hash >= HASHES)
      return 0;
    int e = leaf_get(dir, hash, &f, &next);
    if(e)
      return e;
    e = list_leaf(node_of(f), off, d);
    qfs_leaf_put(dir, f);
    if(e != 1 || next == HASHES)
      return e < 0 ? e : 0;
    if(next <= hash)
      return -EUCLEAN;
    off = place_of(next, 0);
  }
}

int
qfs_dir_list(struct inode *i, u64 off, struct dir_sink *d)
{
  struct qfs_inode *dir = qfs_inode(i);
  for(; off < FIRST; off++)
    if(!d->add(d, "..", off + 1, off ? dir->parent : i->ino, S_IFDIR, off + 1))
      return 0;
  return i->object.size ? list_entries(dir, off, d) : 0;
}
