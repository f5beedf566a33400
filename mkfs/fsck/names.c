// SPDX-License-Identifier: MIT
//
// What names what.  A directory has one name that counts, and by these all lead up to the
// root; the rest is files.  What nobody names, though it has links, gets a name in
// /lost+found; what has none is an orphan.

#include "mkfs/fsck/check.h"

static const char lost_found[] = "lost+found";

static struct dir *dir_of(u64 ino) { return ino < ck.ninodes ? ck.note[ino].dir : NULL; }

static void
drop(struct dir *d, struct entry *e)
{
  e->gone = true;
  d->anew = true;
}

// ---- Entries, each for itself ----

static void
check_entry(struct dir *d, struct entry *e)
{
  if(e->gone)
    return;
  if(!inode_used(e->ino)){
    fault("removed", "directory %lu: `%s' is inode %lu, which is free", d->ino, shown(e), e->ino);
    drop(d, e);
    return;
  }
  u8 type = (inode_at(e->ino)->mode & S_IFMT) >> 12;
  if(e->type != type){
    fault("mended", "directory %lu: `%s' has type %u, its inode %u", d->ino, shown(e), e->type,
          type);
    e->type = type;
    d->anew = true;
  }
  if(e->ino == QFS_ROOT_INO){
    fault("removed", "directory %lu: `%s' is the root", d->ino, shown(e));
    drop(d, e);
    return;
  }
  // The name that counts is the first in the directory that the inode says is its parent,
  // or if there is none the first of all.
  struct dir *t = dir_of(e->ino);
  if(t && (t->up == NULL || (t->up->ino != inode_at(t->ino)->rdev_or_parent &&
                             d->ino == inode_at(t->ino)->rdev_or_parent)))
    t->up = d;
}

// ---- The tree of directories ----

static void
cut_loose(struct dir *d)
{
  fault("cut", "directory %lu: the way up from it does not end", d->ino);
  for(u64 i = 0; i < d->up->n; i++)
    if(d->up->list[i].ino == d->ino)
      drop(d->up, &d->up->list[i]);
  d->up = NULL;
}

static void
cut_circles(void)
{
  u64 walk = 0;
  for(struct dir *d = ck.dirs, *u; d; d = d->next){
    walk++;
    for(u = d; u && u->walk == 0; u = u->up)
      u->walk = walk;
    if(u && u->walk == walk && u->up)
      cut_loose(u);
  }
}

// Names of directories that do not count go.
static void
check_second_names(struct dir *d)
{
  for(u64 i = 0; i < d->n; i++){
    struct entry *e = &d->list[i];
    if(e->gone)
      continue;
    struct dir *t = dir_of(e->ino);
    if(t && (t->up != d || ck.note[t->ino].names > 0)){
      fault("removed", "directory %lu: `%s' is a second name of directory %lu", d->ino, shown(e),
            t->ino);
      drop(d, e);
    }
    ck.note[e->ino].names += !e->gone;
  }
}

static u64
entries_of(const struct dir *d)
{
  u64 n = 0;
  for(u64 i = 0; i < d->n; i++)
    n += !d->list[i].gone;
  return n;
}

// ---- Lost and found ----

static struct dir *
make_dir(u64 ino)
{
  struct dir *d = fsck_memory(sizeof *d), **at = &ck.dirs;
  d->ino = ino;
  d->anew = true;
  while(*at && (*at)->ino < ino)
    at = &(*at)->next;
  d->next = *at;
  *at = d;
  ck.note[ino].dir = d;
  return d;
}

static void
name_it(struct dir *d, const char *text, u64 ino)
{
  dir_add(d, text, (u8)strlen(text), ino);
  ck.note[ino].names++;
  if(dir_of(ino)){
    dir_of(ino)->up = d;
    inode_at(ino)->rdev_or_parent = d->ino;
    inode_dirty(ino);
  }
}

// Among the first n.
static bool
has_name(const struct dir *d, u64 n, const char *text, u64 *ino)
{
  u64 len = strlen(text);
  for(u64 i = 0; i < n; i++)
    if(!d->list[i].gone && d->list[i].len == len && memcmp(d->list[i].text, text, len) == 0){
      *ino = d->list[i].ino;
      return true;
    }
  return false;
}

// "name", or if that is taken "name~" ...
static const char *
vacant(const struct dir *d, u64 among, const char *name)
{
  static char text[QFS_NAME_MAX + 1];
  u64 n = strlen(name), other;
  memcpy(text, name, n + 1);
  while(has_name(d, among, text, &other) && n < QFS_NAME_MAX){
    text[n++] = '~';
    text[n] = 0;
  }
  return text;
}

// => NULL: no room for it
static struct dir *
get_lost_found(void)
{
  struct dir *root = dir_of(QFS_ROOT_INO);
  u64 ino;
  if(has_name(root, root->n, lost_found, &ino) && dir_of(ino))
    return dir_of(ino);
  ino = inode_new(S_IFDIR | 0700);
  if(ino == 0){
    ck.no_room = true;
    return NULL;
  }
  struct dir *d = make_dir(ino);
  name_it(root, vacant(root, root->n, lost_found), ino);
  inode_at(QFS_ROOT_INO)->nlink++;
  inode_at(ino)->nlink = 2;
  return d;
}

static const char *
number_name(u64 ino)
{
  static char text[24];
  u32 at = sizeof text - 1;
  do
    text[--at] = '0' + ino % 10;
  while(ino /= 10);
  text[--at] = '#';
  return text + at;
}

static void
find_lost(void)
{
  struct dir *found = NULL;
  u64 before = 0;                // names there that are none of these
  for(u64 ino = QFS_ROOT_INO + 1; ino < ck.ninodes; ino++){
    const struct dir *d = dir_of(ino);
    if(!inode_used(ino) || ck.note[ino].names > 0 ||
       (inode_at(ino)->nlink == 0 && (d == NULL || entries_of(d) == 0)))
      continue;
    if(found == NULL && (found = get_lost_found()) == NULL)
      return;
    before = before ? before : found->n + 1;
    fault("now in /lost+found", "inode %lu: nothing names it", ino);
    name_it(found, vacant(found, before - 1, number_name(ino)), ino);
  }
}

// ---- The root ----

static void
check_root(void)
{
  if(dir_of(QFS_ROOT_INO))
    return;
  fault("made anew, empty", "there is no root directory");
  if(inode_used(QFS_ROOT_INO))
    inode_free(QFS_ROOT_INO);
  *inode_at(QFS_ROOT_INO) = (struct qfs_dinode){ .mode = S_IFDIR | 0755, .nlink = 2,
    .rdev_or_parent = QFS_ROOT_INO, .cut = QFS_NO_CUT };
  inode_dirty(QFS_ROOT_INO);
  make_dir(QFS_ROOT_INO);
}

// ---- What all of it adds up to ----

static bool
is_orphan(u64 ino)
{
  return inode_used(ino) && inode_at(ino)->nlink == 0 && ck.note[ino].names == 0;
}

static void
set(const struct dir *d, u64 *field, u64 value, const char *what)
{
  if(*field == value)
    return;
  if(!d->anew)
    fault("mended", "directory %lu: %s %lu, says %lu", d->ino, what, value, *field);
  *field = value;
  inode_dirty(d->ino);
}

static void
check_dir(struct dir *d)
{
  struct qfs_dinode *i = inode_at(d->ino);
  if(is_orphan(d->ino))
    return;
  d->anew |= i->nlink == 0;            // of what is no orphan all is to be sound
  set(d, &i->rdev_or_parent, d->up ? d->up->ino : d->ino, "its parent is");
  set(d, &i->entries, entries_of(d), "its entries are");
  if(d->up)
    ck.note[d->up->ino].subdirs++;
}

static void
check_links(void)
{
  for(u64 ino = QFS_ROOT_INO; ino < ck.ninodes; ino++){
    const struct inode_note *n = &ck.note[ino];
    u32 links = n->dir ? 2 + n->subdirs : n->names;
    if(!inode_used(ino) || is_orphan(ino) || inode_at(ino)->nlink == links)
      continue;
    fault("mended", "inode %lu: %u links, says %u", ino, links, inode_at(ino)->nlink);
    inode_at(ino)->nlink = links;
    inode_dirty(ino);
  }
}

// Every inode without links and names is on the list, and no other.
static void
check_orphans(void)
{
  u64 ino = ck.sb->orphans, listed = 0, there = 0;
  for(; ino && ino < ck.ninodes && is_orphan(ino) && !ck.note[ino].chained; listed++){
    ck.note[ino].chained = true;
    ino = inode_at(ino)->entries;
  }
  for(u64 i = 1; i < ck.ninodes; i++)
    there += is_orphan(i);
  if(ino == 0 && listed == there)
    return;
  fault("made anew", "the list of orphans has %lu of %lu and ends in inode %lu", listed, there,
        ino);
  ck.sb->orphans = 0;
  block_dirty(0);
  for(u64 i = 1; i < ck.ninodes; i++)
    if(is_orphan(i)){
      inode_at(i)->entries = ck.sb->orphans;
      inode_dirty(i);
      ck.sb->orphans = i;
    }
}

void
check_names(void)
{
  check_root();
  for(struct dir *d = ck.dirs; d; d = d->next)
    for(u64 i = 0; i < d->n; i++)
      check_entry(d, &d->list[i]);
  cut_circles();
  for(struct dir *d = ck.dirs; d; d = d->next)
    check_second_names(d);
  ck.note[QFS_ROOT_INO].names++;
  find_lost();
  copy_shared();
  for(struct dir *d = ck.dirs; d; d = d->next)
    check_dir(d);
  for(struct dir *d = ck.dirs; d; d = d->next)
    if(d->anew)
      dir_write(d);
  check_links();
  check_orphans();
}
