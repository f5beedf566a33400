// SPDX-License-Identifier: MIT
//
// Directories.  What a sound tree holds is read by going down; of one that is not, every
// leaf that can be found.  One that is changed is written anew, from its sorted names.

#include "mkfs/fsck/check.h"

enum { TEXT_CHUNK = 64 << 10 };

const char *
shown(const struct entry *e)
{
  static char text[QFS_NAME_MAX + 1];
  for(u32 i = 0; i < e->len; i++){
    u8 c = (u8)e->text[i];
    text[i] = c < ' ' || c == 127 ? '?' : (char)c;
  }
  text[e->len] = 0;
  return text;
}

// ---- Names ----

static const char *
keep_text(const char *s, u32 len)
{
  if(len > ck.text_left){
    ck.text = fsck_memory(TEXT_CHUNK);
    ck.text_left = TEXT_CHUNK;
  }
  char *text = ck.text;
  ck.text += len;
  ck.text_left -= len;
  return memcpy(text, s, len);
}

static void
add(struct dir *d, const struct entry *e)
{
  if(d->n == d->room){
    d->room = max(8UL, 2 * d->room);
    struct entry *more = fsck_memory(d->room * sizeof *more);
    if(d->n)
      memcpy(more, d->list, d->n * sizeof *more);
    d->list = more;
  }
  d->list[d->n++] = *e;
}

void
dir_add(struct dir *d, const char *text, u8 len, u64 ino)
{
  struct entry e = { .hash = qfs_hash(ck.sb->hash_seed, text, len), .len = len, .ino = ino,
                     .type = (inode_at(ino)->mode & S_IFMT) >> 12, .text = keep_text(text, len) };
  add(d, &e);
  d->anew = true;
}

static int
compare(const struct entry *a, const struct entry *b)
{
  if(a->hash != b->hash)
    return a->hash < b->hash ? -1 : 1;
  return a->len != b->len ? a->len - b->len : memcmp(a->text, b->text, a->len);
}

// By merging runs that double: what is equal stays in its order.
static void
sort(struct dir *d)
{
  struct entry *from = d->list, *to = fsck_memory((d->n + 1) * sizeof *to), *other;
  for(u64 run = 1; run < d->n; run *= 2, other = from, from = to, to = other)
    for(u64 start = 0, out = 0; start < d->n; start += 2 * run){
      u64 a = start, b = min(start + run, d->n), mid = b, end = min(start + 2 * run, d->n);
      while(a < mid || b < end){
        bool first = b == end || (a < mid && compare(&from[a], &from[b]) <= 0);
        to[out++] = first ? from[a++] : from[b++];
      }
    }
  d->list = from;
}

static bool
is_name(const char *s, u32 len)
{
  if(len == 0 || (s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'))))
    return false;
  for(u32 i = 0; i < len; i++)
    if(s[i] == '/' || s[i] == 0)
      return false;
  return true;
}

// ---- Reading ----

struct reading {
  struct dir *d;
  const struct map *m;
  u64 pages;                     // of the map
  u8 *seen;                      // a byte a page
};

static void
broken(struct reading *r, const char *what, u64 page)
{
  fault("written anew", "directory %lu: block %lu: %s", r->d->ino, page, what);
  r->d->anew = true;
}

static void
read_entry(struct reading *r, u64 page, const struct qfs_dirblock *b, const struct qfs_dirent *e,
           u64 *taken)
{
  const char *text = (const char *)b + e->name_off;
  if(e->name_off < QFS_BLOCK - b->head.name_bytes || e->name_off + e->name_len > QFS_BLOCK){
    broken(r, "a name is out of it", page);
    return;
  }
  bool twice = false;
  for(u32 i = e->name_off; i < e->name_off + (u32)e->name_len; i++){
    twice |= taken[i / 64] >> (i % 64) & 1;
    taken[i / 64] |= 1UL << (i % 64);
  }
  if(twice)
    broken(r, "two names share bytes", page);
  struct entry n = { .hash = qfs_hash(ck.sb->hash_seed, text, e->name_len), .len = e->name_len,
                     .type = e->type, .ino = e->ino };
  if(!is_name(text, e->name_len)){
    broken(r, "what stands for a name is none", page);
    return;
  }
  n.text = keep_text(text, e->name_len);
  if(n.hash != e->hash)
    broken(r, "a name has the wrong hash", page);
  add(r->d, &n);
}

static void
read_leaf(struct reading *r, u64 page, const struct qfs_dirblock *b, u64 low, u64 high)
{
  u64 taken[QFS_BLOCK / 64] = { 0 }, bytes = 0;
  for(u32 i = 0; i < b->head.count; i++){
    const struct qfs_dirent *e = &b->entry[i];
    if(e->hash < low || e->hash >= high)
      broken(r, "its hashes are out of order", page);
    low = e->hash;
    bytes += e->name_len;
    read_entry(r, page, b, e, taken);
  }
  if(bytes != b->head.name_bytes)
    broken(r, "the bytes of its names are miscounted", page);
}

static const struct qfs_dirblock *
node_at(struct reading *r, u64 page)
{
  if(page >= r->pages || r->m->block[page] == 0 || r->seen[page])
    return NULL;
  const struct qfs_dirblock *b = block_get(r->m->block[page]);
  return qfs_dirblock_ok(b) ? b : NULL;
}

// => false: the tree cannot be followed
static bool
read_node(struct reading *r, u64 page, int level, u64 low, u64 high)
{
  const struct qfs_dirblock *b = node_at(r, page);
  if(b == NULL || (level >= 0 && b->head.level != level))
    return false;
  r->seen[page] = 1;
  if(b->head.level == 0){
    read_leaf(r, page, b, low, high);
    return true;
  }
  for(u32 i = 0; i < b->head.count; i++){
    u64 from = b->index[i].hash, to = i + 1U < b->head.count ? b->index[i + 1].hash : high;
    if((i == 0 && from != low) || to > high || from >= to ||
       !read_node(r, b->index[i].block, b->head.level - 1, from, to))
      return false;
  }
  return true;
}

// Every leaf there is.
static void
salvage(struct reading *r)
{
  r->d->n = 0;
  memset(r->seen, 0, r->pages);
  for(u64 page = 0; page < r->pages; page++){
    const struct qfs_dirblock *b = node_at(r, page);
    if(b && b->head.level == 0)
      read_leaf(r, page, b, 0, 1UL << 32);
  }
}

// Of names that are there twice the second goes, and whatever a leaf cannot hold of one hash.
static void
check_twins(struct dir *d)
{
  u64 bytes = 0;
  for(u64 i = 0; i < d->n; i++){
    struct entry *e = &d->list[i], *before = i ? e - 1 : NULL;
    bytes = before && before->hash == e->hash ? bytes : 0;
    if(before && compare(before, e) == 0){
      fault("the second is removed", "directory %lu: `%s' is there twice", d->ino, shown(e));
      e->gone = true;
    } else if((bytes += sizeof(struct qfs_dirent) + e->len) > QFS_DIR_SPACE){
      fault("removed", "directory %lu: `%s' has the hash of too many", d->ino, shown(e));
      e->gone = true;
    }
    d->anew |= e->gone;
  }
}

struct dir *
dir_read(u64 ino, const struct map *m)
{
  struct dir *d = fsck_memory(sizeof *d);
  u64 pages = min(inode_at(ino)->size / QFS_BLOCK, m->n);
  struct reading r = { d, m, pages, fsck_memory(pages + 1) };
  d->ino = ino;
  bool orphan = inode_at(ino)->nlink == 0;     // some of its tree may be gone; no names were in it
  bool sound = !orphan && (pages == 0 || read_node(&r, 0, -1, 0, 1UL << 32));
  for(u64 i = 0; i < pages && sound; i++)
    sound = r.seen[i];
  if(!sound && !orphan){
    fault("written anew", "directory %lu: its tree is damaged", ino);
    d->anew = true;
  }
  if(!sound)
    salvage(&r);
  sort(d);
  check_twins(d);
  return d;
}

// ---- Writing ----

struct writing {
  u64 ino, pages;
  struct qfs_dirindex *index;    // of the level that was written last: first hash and page
  u64 n;
};

// A block of the directory.  => NULL: no room
static struct qfs_dirblock *
node_new(struct writing *w, u64 page, u32 level)
{
  u64 block;
  struct qfs_dirblock *b = file_block(w->ino, page, &block);
  if(b)
    b->head = (struct qfs_dirhead){ .magic = QFS_DIR_MAGIC, .level = (u16)level };
  return b;
}

static void
put_entry(struct qfs_dirblock *b, const struct entry *e)
{
  b->head.name_bytes += e->len;
  struct qfs_dirent d = { .hash = e->hash, .name_off = (u16)(QFS_BLOCK - b->head.name_bytes),
                          .name_len = e->len, .type = e->type, .ino = e->ino };
  memcpy((char *)b + d.name_off, e->text, e->len);
  b->entry[b->head.count++] = d;
}

// Names from i on that have its hash.  => past the last; *bytes: what they take
static u64
group_end(const struct dir *d, u64 i, u64 *bytes)
{
  u64 k = i;
  for(*bytes = 0; k < d->n && d->list[k].hash == d->list[i].hash; k++)
    *bytes += sizeof(struct qfs_dirent) + d->list[k].len;
  return k;
}

// Names from i on, as many as fit, into a leaf, or (b NULL) none.  => the first that did not
static u64
fill_leaf(const struct dir *d, u64 i, struct qfs_dirblock *b)
{
  u64 used = 0, bytes, end;
  for(; i < d->n; used += bytes, i = end){
    end = group_end(d, i, &bytes);
    if(used + bytes > QFS_DIR_SPACE)
      break;
    for(u64 k = i; b && k < end; k++)
      put_entry(b, &d->list[k]);
  }
  return i;
}

static bool
write_leaves(struct writing *w, const struct dir *d)
{
  bool one = fill_leaf(d, 0, NULL) == d->n;
  for(u64 i = 0, next; i < d->n; i = next){
    u64 page = one ? 0 : w->pages;
    struct qfs_dirblock *b = node_new(w, page, 0);
    next = b ? fill_leaf(d, i, b) : i;
    if(next == i){
      ck.no_room = true;
      return false;
    }
    w->index[w->n] = (struct qfs_dirindex){ w->n ? d->list[i].hash : 0, (u32)page };
    w->n++;
    w->pages = page + 1;
  }
  return true;
}

// The level above those of w->index.
static bool
write_index(struct writing *w, u32 level)
{
  u64 n = 0;
  bool root = w->n <= QFS_DIR_FANOUT;
  for(u64 i = 0; i < w->n; i += QFS_DIR_FANOUT, n++){
    u64 page = root ? 0 : w->pages++;
    struct qfs_dirblock *b = node_new(w, page, level);
    if(b == NULL)
      return false;
    b->head.count = (u16)min(w->n - i, (u64)QFS_DIR_FANOUT);
    memcpy(b->index, &w->index[i], b->head.count * sizeof b->index[0]);
    w->index[n] = (struct qfs_dirindex){ b->index[0].hash, (u32)page };
  }
  w->n = n;
  return true;
}

void
dir_write(struct dir *d)
{
  struct writing w = { .ino = d->ino, .pages = 1 };
  u64 n = 0;
  for(u64 i = 0; i < d->n; i++)
    if(!d->list[i].gone)
      d->list[n++] = d->list[i];
  d->n = n;
  sort(d);
  drop_blocks(d->ino);
  w.index = fsck_memory((n + 1) * sizeof *w.index);
  bool ok = write_leaves(&w, d);
  for(u32 level = 1; ok && w.n > 1; level++)
    ok = write_index(&w, level);
  inode_at(d->ino)->size = n ? w.pages * QFS_BLOCK : 0;
}
