// SPDX-License-Identifier: MIT
//
// Inodes and their block trees: what they hold is theirs, once, but that pages of files may share
// blocks where there are share counts.  Else a page of a file that another has already is
// copied, if there is room; any other block is cut off.

#include "mkfs/fsck/check.h"

enum { GROUP_BLOCKS = QFS_INODE_GROUP / QFS_INODES_PER_BLOCK };
enum { SECOND = 1000000000, LINK_MAX = 4096 };

// ---- Places ----

static u64
home_of(u64 ino)
{
  u64 n = ino / QFS_INODES_PER_BLOCK;
  return ino && n < ck.table.n ? ck.table.block[n] : 0;
}

struct qfs_dinode *
inode_at(u64 ino)
{
  if(ino == 0)
    return &ck.sb->inode_file;
  return (struct qfs_dinode *)block_get(home_of(ino)) + ino % QFS_INODES_PER_BLOCK;
}

void
inode_dirty(u64 ino)
{
  block_dirty(home_of(ino));
}

static bool
is_number(u64 ino)
{
  return ino < ck.ninodes && ino % QFS_INODE_GROUP >= QFS_INODES_PER_BLOCK && home_of(ino) != 0;
}

bool
inode_used(u64 ino)
{
  return is_number(ino) && inode_at(ino)->mode != 0;
}

static bool
is(const struct qfs_dinode *d, u32 type)
{
  return (d->mode & S_IFMT) == type;
}

static bool
has_tree(const struct qfs_dinode *d)
{
  return !is(d, S_IFLNK) || d->size > QFS_SYMLINK_INLINE;
}

static u64
pages_of(const struct qfs_dinode *d)
{
  return (d->size + QFS_BLOCK - 1) / QFS_BLOCK;
}

static void
map_set(struct map *m, u64 page, u64 block)
{
  if(page >= m->room){
    u64 room = max(16UL, 2 * page), *more = fsck_memory(room * sizeof *more);
    if(m->n)
      memcpy(more, m->block, m->n * sizeof *more);
    m->block = more;
    m->room = room;
  }
  m->block[page] = block;
  m->n = max(m->n, page + 1);
}

// ---- Trees ----

struct walk {
  u64 ino;
  struct qfs_dinode *disk;
  u64 blocks, end;                 // found; past the last page of data that counts
  u64 most;                        // pages that it may have
  struct map *map;                 // NULL: of no interest, it is data
  // Does the pointer *slot, at a height and for a page, stay?
  bool (*keep)(struct walk *w, u64 home, u64 *slot, u32 height, u64 page);
};

static void
walk_slots(struct walk *w, u64 home, u64 *slot, u32 n, u32 height, u64 page)
{
  u64 wide = 1UL << (height * QFS_PTRS_SHIFT);
  for(u32 i = 0; i < n; i++, page += wide){
    if(slot[i] == 0)
      continue;
    if(!w->keep(w, home, &slot[i], height, page)){
      slot[i] = 0;
      block_dirty(home);
      continue;
    }
    w->blocks++;
    if(height > 0)
      walk_slots(w, slot[i], block_get(slot[i]), QFS_PTRS, height - 1, page);
    else if(w->map && page < w->most)
      map_set(w->map, page, slot[i]);
    if(height == 0 && page < w->disk->cut)
      w->end = max(w->end, page + 1);
  }
}

static void
walk(struct walk *w)
{
  if(has_tree(w->disk))
    walk_slots(w, home_of(w->ino), w->disk->root, QFS_ROOTS, w->disk->height, 0);
}

static void
share_later(struct walk *w, u64 home, u64 *slot, u64 page)
{
  struct shared *s = fsck_memory(sizeof *s);
  *s = (struct shared){ w->ino, page, home, slot, NULL };
  *ck.shared_end = s;
  ck.shared_end = &s->next;
  ck.nshared++;
}

// Has a page of a file that block, as one of those that may share it?
static bool
shares(const struct walk *w, u64 b, u32 height)
{
  if(ck.users == NULL || height > 0 || !is(w->disk, S_IFREG) || w->map)
    return false;
  if(ck.users[b] == 0 && !own(b, w->ino))
    return false;
  ck.users[b]++;
  return true;
}

static bool
judge(struct walk *w, u64 home, u64 *slot, u32 height, u64 page)
{
  u64 b = *slot;
  if(!data_block(b)){
    fault("cut off", "inode %lu: block %lu is no data block", w->ino, b);
    return false;
  }
  if(height == 0 && page >= w->most && page < w->disk->cut){
    fault("cut off", "inode %lu: page %lu is past its end", w->ino, page);
    return false;
  }
  if(shares(w, b, height) || own(b, w->ino))
    return true;
  if(height == 0 && w->map == NULL && ck.nshared < ck.sb->blocks){
    share_later(w, home, slot, page);
    return true;
  }
  fault("cut off", "inode %lu: block %lu is also used by inode %u, which keeps it", w->ino, b,
        ck.owner[b] - 1);
  return false;
}

static bool
give_back(struct walk *w, u64 home, u64 *slot, u32 height, u64 page)
{
  bool mine = ck.owner[*slot] == (u32)w->ino + 1;
  if(ck.users && ck.users[*slot] > 0 && height == 0 && is(w->disk, S_IFREG)){
    if(--ck.users[*slot] == 0)
      disown(*slot);
    return false;
  }
  if(mine && height > 0)
    walk_slots(w, *slot, block_get(*slot), QFS_PTRS, height - 1, page);
  if(mine)
    disown(*slot);
  return false;
}

void
drop_blocks(u64 ino)
{
  struct qfs_dinode *d = inode_at(ino);
  struct walk w = { .ino = ino, .disk = d, .keep = give_back };
  walk(&w);
  memset(d->root, 0, sizeof d->root);
  d->height = 0;
  d->blocks = d->size = 0;
  d->cut = QFS_NO_CUT;
  inode_dirty(ino);
}

void
inode_free(u64 ino)
{
  drop_blocks(ino);
  inode_at(ino)->mode = 0;
}

// ---- A block for a page that has none ----

static void *
new_block(u64 ino, u64 *block)
{
  void *data = NULL;
  *block = block_new(ino, &data);
  if(*block == 0)
    ck.no_room = true;
  else
    inode_at(ino)->blocks++;
  return data;
}

// One level more: the root's pointers move to a block of their own.
static bool
grow(u64 ino)
{
  struct qfs_dinode *d = inode_at(ino);
  bool empty = true;
  u64 block;
  for(u32 i = 0; i < QFS_ROOTS; i++)
    empty &= d->root[i] == 0;
  if(!empty){
    u64 *slot = new_block(ino, &block);
    if(slot == NULL)
      return false;
    memcpy(slot, d->root, sizeof d->root);
    memset(d->root, 0, sizeof d->root);
    d->root[0] = block;
  }
  d->height++;
  return true;
}

void *
file_block(u64 ino, u64 page, u64 *block)
{
  struct qfs_dinode *d = inode_at(ino);
  void *data = NULL;
  while(page >> (d->height * QFS_PTRS_SHIFT) >= QFS_ROOTS)
    if(!grow(ino))
      return NULL;
  u64 home = home_of(ino), *slot = &d->root[page >> (d->height * QFS_PTRS_SHIFT)];
  for(u32 height = d->height;; height--){
    block_dirty(home);
    if(*slot == 0 && new_block(ino, slot) == NULL)
      return NULL;
    home = *slot;
    data = block_get(home);
    if(height == 0)
      break;
    slot = (u64 *)data + (page >> ((height - 1) * QFS_PTRS_SHIFT) & (QFS_PTRS - 1));
  }
  block_dirty(home);
  *block = home;
  return data;
}

// ---- One inode ----

// => what cannot be mended about it, or NULL
static const char *
hopeless(const struct qfs_dinode *d)
{
  switch(d->mode & S_IFMT){
  case S_IFREG: case S_IFDIR: case S_IFCHR: case S_IFBLK: case S_IFIFO:
    return NULL;
  case S_IFLNK:
    return d->size > 0 && d->size < LINK_MAX ? NULL : "a link of no length, or too long";
  }
  return "it is of no type";
}

#define mend(wrong, field, value, ...) \
  ((wrong) ? (fault("mended", __VA_ARGS__), (field) = (value), inode_dirty(ino)) : (void)0)

static void
check_fields(u64 ino, struct qfs_dinode *d)
{
  u64 none = d->cut == QFS_NO_CUT || is(d, S_IFREG) || d->nlink == 0 ? d->cut : QFS_NO_CUT;
  mend(d->mode > 0177777, d->mode, d->mode & 0177777, "inode %lu: its mode is 0x%x", ino, d->mode);
  mend(d->atime_nsec >= SECOND, d->atime_nsec, 0, "inode %lu: %u ns (atime)", ino, d->atime_nsec);
  mend(d->mtime_nsec >= SECOND, d->mtime_nsec, 0, "inode %lu: %u ns (mtime)", ino, d->mtime_nsec);
  mend(d->ctime_nsec >= SECOND, d->ctime_nsec, 0, "inode %lu: %u ns (ctime)", ino, d->ctime_nsec);
  mend(none != d->cut, d->cut, none, "inode %lu: cut at page %lu, but no file", ino, d->cut);
  if((is(d, S_IFCHR) || is(d, S_IFBLK) || is(d, S_IFIFO)))
    mend(d->size != 0, d->size, 0, "inode %lu: a device or pipe of %lu bytes", ino, d->size);
  if(!has_tree(d))
    mend(d->height != 0, d->height, 0, "inode %lu: a short link of height %u", ino, d->height);
  if(d->height > QFS_HEIGHT_MAX){
    fault("its blocks are lost", "inode %lu: a tree of height %u", ino, d->height);
    memset(d->root, 0, sizeof d->root);
    d->height = 0;
    inode_dirty(ino);
  }
}

// Its tree, and what that says about its size.  Directories and the inode file, which have
// no holes, may hold one page more than they use; orphans may have lost some.
static void
check_tree(u64 ino, struct qfs_dinode *d, struct map *m)
{
  bool odd = d->size > QFS_FILE_MAX;
  struct walk w = { .ino = ino, .disk = d, .keep = judge, .map = m, .most = pages_of(d) };
  if(m || odd)
    w.most = m ? ck.sb->blocks : QFS_FILE_MAX / QFS_BLOCK;
  walk(&w);
  if(m && (ino == 0 || d->nlink > 0))
    odd = d->size % QFS_BLOCK || pages_of(d) > w.end || pages_of(d) + 1 < w.end;
  mend(odd, d->size, w.end * QFS_BLOCK, "inode %lu: it cannot have %lu bytes", ino, d->size);
  mend(w.blocks != d->blocks, d->blocks, w.blocks, "inode %lu: holds %lu blocks, says %lu", ino,
       w.blocks, d->blocks);
}

static void
check_inode(u64 ino, struct dir ***last)
{
  struct qfs_dinode *d = inode_at(ino);
  const char *why = hopeless(d);
  if(why){
    fault("freed", "inode %lu: %s (mode 0x%x, %lu bytes)", ino, why, d->mode, d->size);
    d->mode = 0;
    inode_dirty(ino);
    return;
  }
  check_fields(ino, d);
  struct map m = { 0 };
  check_tree(ino, d, is(d, S_IFDIR) ? &m : NULL);
  if(is(d, S_IFLNK) && has_tree(d) && (d->height > 0 || d->root[0] == 0)){
    fault("freed", "inode %lu: a link without its text", ino);
    inode_free(ino);
  }
  if(is(d, S_IFDIR)){
    struct dir *dir = ck.note[ino].dir = dir_read(ino, &m);
    **last = dir;
    *last = &dir->next;
  }
}

// ---- The inode file ----

// Notes for as many inodes as there are.
static void
make_notes(void)
{
  u64 n = ck.table.n * QFS_INODES_PER_BLOCK;
  struct inode_note *more = fsck_memory((n + 1) * sizeof *more);
  if(ck.ninodes)
    memcpy(more, ck.note, ck.ninodes * sizeof *more);
  ck.note = more;
  ck.ninodes = n;
}

static void
check_inode_file(void)
{
  u64 ino = 0;
  struct qfs_dinode *d = inode_at(0);
  mend(!is(d, S_IFREG), d->mode, S_IFREG | 0600, "inode file: its mode is 0x%x", d->mode);
  mend(d->cut != QFS_NO_CUT, d->cut, QFS_NO_CUT, "inode file: cut at page %lu", d->cut);
  check_fields(0, d);
  check_tree(0, d, &ck.table);
  d->size = max(d->size, 2UL * QFS_BLOCK);     // what is missing is made
  while(ck.table.n < pages_of(d))
    map_set(&ck.table, ck.table.n, 0);
  ck.table.n = pages_of(d);
}

void
check_inodes(void)
{
  struct dir **last = &ck.dirs;
  ck.shared_end = &ck.shared;
  check_inode_file();
  make_notes();
  for(u64 ino = 0; ino < ck.ninodes; ino++)
    if(inode_used(ino))
      check_inode(ino, &last);
}

static bool
add_inode_block(u64 page)
{
  u64 block;
  if(file_block(0, page, &block) == NULL)
    return false;
  map_set(&ck.table, page, block);
  make_notes();
  return true;
}

void
complete_inode_file(void)
{
  for(u64 page = 0; page < ck.table.n; page++)
    if(ck.table.block[page] == 0){
      fault("made anew", "block %lu of the inode file is missing", page);
      if(!add_inode_block(page))
        return;
    }
}

static u64
free_number(void)
{
  for(u64 ino = QFS_ROOT_INO; ino < ck.ninodes; ino++)
    if(is_number(ino) && inode_at(ino)->mode == 0)
      return ino;
  u64 page = ck.table.n;
  if(page % GROUP_BLOCKS == 0 && !add_inode_block(page++))
    return 0;
  if(!add_inode_block(page))
    return 0;
  inode_at(0)->size = ck.table.n * QFS_BLOCK;
  return page * QFS_INODES_PER_BLOCK;
}

u64
inode_new(u32 mode)
{
  u64 ino = free_number();
  if(ino){
    *inode_at(ino) = (struct qfs_dinode){ .mode = mode, .cut = QFS_NO_CUT, .mtime = ck.sb->mounted,
                                          .atime = ck.sb->mounted, .ctime = ck.sb->mounted };
    inode_dirty(ino);
  }
  return ino;
}

void
copy_shared(void)
{
  for(struct shared *s = ck.shared; s; s = s->next){
    if(*s->slot == 0 || !inode_used(s->ino))
      continue;
    void *data;
    u64 old = *s->slot, block = block_new(s->ino, &data);
    fault(block ? "it gets a copy" : "cut off, for there is no room for a copy",
          "inode %lu: block %lu, its page %lu, is also used by inode %u, which keeps it", s->ino,
          old, s->page, ck.owner[old] - 1);
    if(block)
      memcpy(data, block_get(old), QFS_BLOCK);
    else
      inode_at(s->ino)->blocks--;
    *s->slot = block;
    block_dirty(s->home);
    inode_dirty(s->ino);
  }
}

// ---- Their bitmaps ----

void
check_inode_bitmaps(void)
{
  for(u64 ino = 0; ino < round_up(ck.ninodes, QFS_INODE_GROUP); ino++){
    u64 bitmap = ck.table.block[ino / QFS_INODE_GROUP * GROUP_BLOCKS], bit = ino % QFS_INODE_GROUP;
    if(bitmap == 0 || bit < QFS_INODES_PER_BLOCK)
      continue;
    bool used = ino < ck.ninodes && inode_used(ino);
    if(get_bit(block_get(bitmap), bit) != used){
      fault("mended", "inode %lu: %s, but its bitmap says %s", ino, used ? "in use" : "free",
            used ? "free" : "in use");
      flip_bit(block_get(bitmap), bit);
      block_dirty(bitmap);
    }
  }
}
