// SPDX-License-Identifier: MIT
//
// fsck: is a disk image consistent?  Reads it with code of its own, from
// qfs_format.h alone.  Counts and bitmaps, which follow from the rest, it can mend.
//
// One pass over the inode file claims every block that an inode uses and notes
// what each inode is; one walk over the directories counts names; then bitmaps and
// counts are compared with what was found.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fs/qfs_format.h"
#include "mkfs/host.h"
#include "mkfs/replay.h"
#include "mkfs/tool.h"

static const char help[] =
  "usage: fsck [-q] [-y] IMAGE\n"
  "\n"
  "Check the disk image IMAGE and print what is wrong with it.\n"
  "\n"
  "  -q         no summary when all is well\n"
  "  -y         write what the journal holds to where it belongs, and mend what follows\n"
  "             from the rest: bitmaps, counts of links, blocks and entries, the list of\n"
  "             orphans.  Otherwise IMAGE is not changed\n"
  "  --help     print this\n"
  "\n"
  "Exit status: 0 consistent, 1 all that was wrong is mended, 4 it is not, 8 this is no\n"
  "image or cannot be read, 16 wrong usage.\n";

enum { MENDED = 1, NOT_MENDED = 4, NO_IMAGE = 8, BAD_USAGE = 16 };

#define no_image(...) (tool_error(0, __VA_ARGS__), exit(NO_IMAGE))

// What the first pass found at an inode number.
struct found {
  struct qfs_dinode *disk;         // NULL: free
  u32 names;                       // directory entries that name it
  u32 subdirs;                     // directories it is the parent of
  bool orphan;
};

static char *image;
static struct qfs_super *sb;
static u8 *claimed;                // a byte a block
static struct found *inodes;
static u64 ninodes, nfiles, nerrors, nmended;
static bool repair;

static void __attribute__((format(printf, 1, 2)))
wrong(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  putchar('\n');
  if(++nerrors == 1000){
    puts("too many errors");
    exit(NOT_MENDED);
  }
}

// The same of what can be mended.  => the caller is to do so
#define mend(...) \
  (repair ? printf(__VA_ARGS__), puts(": mended"), ++nmended : (wrong(__VA_ARGS__), 0))

static void *
block_at(u64 n)
{
  return image + n * QFS_BLOCK;
}

// ---- Blocks of files ----

// A walk over the block tree of one inode.
struct walk {
  u64 ino;
  struct qfs_dinode *disk;
  u64 pages;                       // that its size covers
  u64 blocks;                      // found
  u64 *map;                        // page -> block, for directories and the inode file
  bool spare;                      // these may hold a block more than they use
};

// => may the block be read?
static bool
claim(struct walk *w, u64 block)
{
  if(block < sb->data_start || block >= sb->blocks){
    wrong("inode %lu: block %lu is no data block", w->ino, block);
    return false;
  }
  w->blocks++;
  if(claimed[block]){
    wrong("inode %lu: block %lu is used twice", w->ino, block);
    return false;
  }
  claimed[block] = 1;
  return true;
}

static void
walk_slots(struct walk *w, const u64 *slot, u32 n, u32 height, u64 page)
{
  u64 wide = 1UL << (height * QFS_PTRS_SHIFT);
  for(u32 i = 0; i < n; i++, page += wide){
    if(slot[i] == 0 || !claim(w, slot[i]))
      continue;
    if(height > 0)
      walk_slots(w, block_at(slot[i]), QFS_PTRS, height - 1, page);
    else if(page >= w->pages && page < w->disk->cut && !w->spare)
      wrong("inode %lu: page %lu is past its end", w->ino, page);
    else if(w->map && page < w->pages)
      w->map[page] = slot[i];
  }
}

static void
walk_inode(struct walk *w)
{
  struct qfs_dinode *d = w->disk;
  bool link_inside = S_ISLNK(d->mode) && d->size <= QFS_SYMLINK_INLINE;
  if(d->height > QFS_HEIGHT_MAX)
    wrong("inode %lu: height %u", w->ino, d->height);
  else if(!link_inside)
    walk_slots(w, d->root, QFS_ROOTS, d->height, 0);
  if(w->blocks != d->blocks &&
     mend("inode %lu: holds %lu blocks, says %lu", w->ino, w->blocks, d->blocks))
    d->blocks = w->blocks;
}

// The blocks of a file by page, and nothing that cannot be in an image. => malloc'd
static u64 *
page_map(u64 ino, struct qfs_dinode *d, u64 *pages)
{
  struct walk w = { .ino = ino, .disk = d, .spare = true };
  w.pages = (d->size + QFS_BLOCK - 1) / QFS_BLOCK;
  if(w.pages > sb->blocks){
    wrong("inode %lu: %lu bytes are too many", ino, d->size);
    w.pages = 0;
  }
  w.map = calloc(w.pages + 1, sizeof(u64));
  if(w.map == NULL)
    tool_die("no memory");
  walk_inode(&w);
  *pages = w.pages;
  return w.map;
}

// ---- Inodes ----

static bool
bit(const void *bitmap, u64 i)
{
  return ((const u8 *)bitmap)[i / 8] >> (i % 8) & 1;
}

static void
flip(void *bitmap, u64 i)
{
  ((u8 *)bitmap)[i / 8] ^= 1 << (i % 8);
}

static void
note_inode(u64 ino, struct qfs_dinode *d, void *bitmap)
{
  bool used = bit(bitmap, ino % QFS_INODE_GROUP);
  if((d->mode != 0) != used &&
     mend("inode %lu: bitmap says %s, mode is %o", ino, used ? "used" : "free", d->mode))
    flip(bitmap, ino % QFS_INODE_GROUP);
  if(d->mode == 0)
    return;
  inodes[ino].disk = d;
  nfiles++;
}

static void
check_inode_file(void)
{
  u64 pages, *map = page_map(0, &sb->inode_file, &pages);
  ninodes = pages * QFS_INODES_PER_BLOCK;
  inodes = calloc(ninodes + 1, sizeof(*inodes));
  if(inodes == NULL)
    tool_die("no memory");
  for(u64 ino = 0; ino < ninodes; ino++){
    u64 first = ino / QFS_INODE_GROUP * (QFS_INODE_GROUP / QFS_INODES_PER_BLOCK);
    u64 n = ino / QFS_INODES_PER_BLOCK;
    if(n == first || map[n] == 0 || map[first] == 0){
      if(map[n] == 0 && ino % QFS_INODES_PER_BLOCK == 0)
        wrong("block %lu of the inode file is missing", n);
      continue;
    }
    struct qfs_dinode *d = block_at(map[n]);
    note_inode(ino, d + ino % QFS_INODES_PER_BLOCK, block_at(map[first]));
  }
  for(u64 ino = ninodes; map[0] && ino < QFS_INODE_GROUP; ino++)
    if(bit(block_at(map[0]), ino) &&
       mend("inode %lu: used, but past the end of the inode file", ino))
      flip(block_at(map[0]), ino);
  free(map);
}

// ---- Directories ----

struct tree {
  u64 ino;
  u64 pages, *map;
  u64 entries;
  u8 *seen;                        // a byte a page
};

static void
check_entry(struct tree *t, const struct qfs_dirblock *b, const struct qfs_dirent *e)
{
  u32 start = QFS_BLOCK - b->head.name_bytes;
  if(e->name_off < start || e->name_off + e->name_len > QFS_BLOCK || e->name_len == 0){
    wrong("directory %lu: a name is out of its block", t->ino);
    return;
  }
  const char *name = (const char *)b + e->name_off;
  if(qfs_hash(sb->hash_seed, name, e->name_len) != e->hash)
    wrong("directory %lu: `%.*s' is under the wrong hash", t->ino, e->name_len, name);
  if(memchr(name, '/', e->name_len) || memchr(name, 0, e->name_len))
    wrong("directory %lu: `%.*s' is no name", t->ino, e->name_len, name);
  if(e->ino >= ninodes || inodes[e->ino].disk == NULL){
    wrong("directory %lu: `%.*s' is inode %lu, which is free", t->ino, e->name_len, name, e->ino);
    return;
  }
  struct found *f = &inodes[e->ino];
  f->names++;
  if(f->disk->mode >> 12 != e->type)
    wrong("directory %lu: `%.*s' has type %u, its inode %o", t->ino, e->name_len, name, e->type,
          f->disk->mode);
  if(e->type != S_IFDIR >> 12)
    return;
  inodes[t->ino].subdirs++;
  if(f->disk->rdev_or_parent != t->ino)
    wrong("directory %lu: `%.*s' says its parent is %lu", t->ino, e->name_len, name,
          f->disk->rdev_or_parent);
}

static void
check_leaf(struct tree *t, const struct qfs_dirblock *b, u64 low, u64 high)
{
  u64 bytes = 0;
  if(b->head.name_bytes > QFS_DIR_SPACE ||
     b->head.count * sizeof(struct qfs_dirent) > QFS_DIR_SPACE - b->head.name_bytes){
    wrong("directory %lu: a leaf is overfull", t->ino);
    return;
  }
  for(u32 i = 0; i < b->head.count; i++){
    const struct qfs_dirent *e = &b->entry[i];
    if(e->hash < low || e->hash >= high)
      wrong("directory %lu: hash %x is out of order", t->ino, e->hash);
    low = e->hash;
    bytes += e->name_len;
    check_entry(t, b, e);
  }
  if(bytes != b->head.name_bytes)
    wrong("directory %lu: a leaf has %lu bytes of names, says %u", t->ino, bytes,
          b->head.name_bytes);
  t->entries += b->head.count;
}

static void
check_node(struct tree *t, u64 page, int level, u64 low, u64 high)
{
  if(page >= t->pages || t->map[page] == 0 || t->seen[page]++){
    wrong("directory %lu: block %lu is missing, or there twice", t->ino, page);
    return;
  }
  const struct qfs_dirblock *b = block_at(t->map[page]);
  if(b->head.magic != QFS_DIR_MAGIC || b->head.level >= QFS_DIR_LEVELS ||
     (level >= 0 && b->head.level != level)){
    wrong("directory %lu: block %lu is no node, or of the wrong level", t->ino, page);
    return;
  }
  if(b->head.level == 0){
    check_leaf(t, b, low, high);
    return;
  }
  u32 n = b->head.count;
  if(n == 0 || n > QFS_DIR_FANOUT || (b->index[0].hash != low && page != 0)){
    wrong("directory %lu: block %lu has a bad index", t->ino, page);
    return;
  }
  for(u32 i = 0; i < n; i++){
    u64 from = i == 0 ? low : b->index[i].hash, to = i + 1 < n ? b->index[i + 1].hash : high;
    if(from < low || to > high || from >= to)
      wrong("directory %lu: block %lu: child %u is out of order", t->ino, page, i);
    else
      check_node(t, b->index[i].block, b->head.level - 1, from, to);
  }
}

static void
check_directory(u64 ino, struct qfs_dinode *d)
{
  struct tree t = { .ino = ino };
  t.map = page_map(ino, d, &t.pages);
  t.seen = calloc(t.pages + 1, 1);
  if(t.seen == NULL)
    tool_die("no memory");
  if(d->size % QFS_BLOCK)
    wrong("directory %lu: %lu bytes", ino, d->size);
  if(t.pages > 0)
    check_node(&t, 0, -1, 0, 1UL << 32);
  for(u64 i = 0; i < t.pages; i++)
    if(!t.seen[i])
      wrong("directory %lu: block %lu is not in its tree", ino, i);
  if(d->nlink > 0 && t.entries != d->entries &&
     mend("directory %lu: %lu entries, says %lu", ino, t.entries, d->entries))
    d->entries = t.entries;
  free(t.map);
  free(t.seen);
}

static void
check_file(u64 ino, struct qfs_dinode *d)
{
  struct walk w = { .ino = ino, .disk = d };
  w.pages = (d->size + QFS_BLOCK - 1) / QFS_BLOCK;
  if(d->size > QFS_FILE_MAX)
    wrong("inode %lu: %lu bytes are too many", ino, d->size);
  else
    walk_inode(&w);
}

static void
check_inodes(void)
{
  for(u64 ino = 0; ino < ninodes; ino++){
    struct qfs_dinode *d = inodes[ino].disk;
    if(d == NULL)
      continue;
    if(S_ISDIR(d->mode))
      check_directory(ino, d);
    else
      check_file(ino, d);
  }
}

// ---- What all of it adds up to ----

// Does the way up from a directory end at the root?
static bool
reaches_root(u64 ino)
{
  for(u64 steps = 0; ino != QFS_ROOT_INO; steps++){
    const struct qfs_dinode *d = ino < ninodes ? inodes[ino].disk : NULL;
    if(d == NULL || steps > nfiles)
      return false;
    ino = d->rdev_or_parent;
  }
  return true;
}

static bool
is_orphan(u64 ino)
{
  return inodes[ino].disk && inodes[ino].disk->nlink == 0 && inodes[ino].names == 0;
}

// Every inode without links and names is on the list, and no other.
static void
check_orphans(void)
{
  u64 ino = sb->orphans, listed = 0, there = 0;
  for(; ino && ino < ninodes && is_orphan(ino) && !inodes[ino].orphan; listed++){
    inodes[ino].orphan = true;
    ino = inodes[ino].disk->entries;
  }
  for(u64 i = 0; i < ninodes; i++)
    there += is_orphan(i);
  if((ino == 0 && listed == there) ||
     !mend("the list of orphans has %lu of %lu and ends in inode %lu", listed, there, ino))
    return;
  sb->orphans = 0;
  for(u64 i = 0; i < ninodes; i++)
    if(is_orphan(i)){
      inodes[i].orphan = true;
      inodes[i].disk->entries = sb->orphans;
      sb->orphans = i;
    }
}

static void
check_links(void)
{
  if(ninodes <= QFS_ROOT_INO || inodes[QFS_ROOT_INO].disk == NULL ||
     !S_ISDIR(inodes[QFS_ROOT_INO].disk->mode)){
    wrong("there is no root directory");
    return;
  }
  inodes[QFS_ROOT_INO].names++;
  for(u64 ino = 0; ino < ninodes; ino++){
    const struct found *f = &inodes[ino];
    if(f->disk == NULL)
      continue;
    bool directory = S_ISDIR(f->disk->mode);
    u32 links = directory && !f->orphan ? 2 + f->subdirs : f->names;
    if((f->names == 0 && !f->orphan) || (directory && f->names > 1))
      wrong("inode %lu: has %u names", ino, f->names);
    if(f->disk->nlink != links && f->names > 0 &&
       mend("inode %lu: %u links, says %u", ino, links, f->disk->nlink))
      f->disk->nlink = links;
    if(directory && !f->orphan && !reaches_root(ino))
      wrong("directory %lu: is not under the root", ino);
  }
}

static void
check_bitmap(void)
{
  void *bits = block_at(sb->bitmap_start);
  u64 free_blocks = 0;
  for(u64 b = 0; b < sb->blocks; b++){
    bool used = b < sb->data_start || claimed[b];
    if(bit(bits, b) != used && mend("block %lu: %s, but the bitmap says %s", b,
                                    used ? "in use" : "free", used ? "free" : "in use"))
      flip(bits, b);
    free_blocks += !bit(bits, b);
  }
  for(u64 b = sb->blocks; b < sb->bitmap_blocks * QFS_BITS; b++)
    if(!bit(bits, b) && mend("block %lu: past the end, but free", b))
      flip(bits, b);
  if(free_blocks != sb->free_blocks &&
     mend("%lu blocks are free, the superblock says %lu", free_blocks, sb->free_blocks))
    sb->free_blocks = free_blocks;
}

// ---- The superblock ----

static void
check_super(const char *file, u64 bytes)
{
  u64 n = sb->blocks;
  if(sb->magic != QFS_MAGIC)
    no_image("%s: not a qfs image", file);
  if(sb->version != QFS_VERSION || sb->incompat != QFS_INCOMPAT_KNOWN)
    no_image("%s: made by something newer or older", file);
  if(sb->checksum != qfs_super_checksum(sb))
    no_image("%s: the superblock's checksum is wrong", file);
  if(n > bytes / QFS_BLOCK || sb->bitmap_start != 1 || sb->data_start >= n ||
     sb->bitmap_blocks != (n + QFS_BITS - 1) / QFS_BITS ||
     sb->journal_start != 1 + sb->bitmap_blocks || sb->journal_blocks > n ||
     sb->journal_blocks < QFS_JOURNAL_MIN ||
     sb->data_start != sb->journal_start + sb->journal_blocks)
    no_image("%s: the superblock's layout makes no sense", file);
}

// => how many transactions the journal held; *next: the number that would follow
static i64
recover(u64 *next)
{
  i64 n = replay_journal(image, next);
  if(n == -ENOMEM)
    tool_die("no memory");
  if(n < 0)
    wrong("the journal has no header");
  return n;
}

// The journal is emptied after all else is on the disk.
static void
save(u64 bytes, u64 next)
{
  struct qfs_journal *head = block_at(sb->journal_start);
  sb->checksum = qfs_super_checksum(sb);
  if(msync(image, bytes, MS_SYNC) == 0){
    head->sequence = next;
    if(msync(image, bytes, MS_SYNC) == 0)
      return;
  }
  no_image("cannot be written: %s", strerror(errno));
}

static u64
map_image(const char *file)
{
  struct stat st;
  int fd = open(file, (repair ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if(fd < 0 || fstat(fd, &st) < 0)
    no_image("%s: %s", file, strerror(errno));
  if(!S_ISREG(st.st_mode) || st.st_size < 8 * QFS_BLOCK)
    no_image("%s: not a qfs image", file);
  if(repair && host_lock(fd, true) != 0)
    no_image("%s: in use: is QEMU running with it?", file);
  image = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, repair ? MAP_SHARED : MAP_PRIVATE, fd, 0);
  if(image == MAP_FAILED)
    no_image("%s: %s", file, strerror(errno));
  if(!repair)
    close(fd);                     // else it stays, for its lock
  return st.st_size;
}

static void
parse(int argc, char **argv, bool *quiet)
{
  int c;
  opterr = 0;
  while((c = getopt(argc, argv, "qy")) != -1)
    switch(c){
    case 'q': *quiet = true; break;
    case 'y': repair = true; break;
    default:  tool_error(0, "bad option -%c; try `fsck --help'", optopt); exit(BAD_USAGE);
    }
  if(argc - optind != 1){
    tool_error(0, "one IMAGE is needed; try `fsck --help'");
    exit(BAD_USAGE);
  }
}

int
main(int argc, char **argv)
{
  bool quiet = false;
  u64 next = 0;
  tool_start("fsck", help, argc, argv);
  parse(argc, argv, &quiet);
  const char *file = argv[optind];
  u64 bytes = map_image(file);
  sb = (struct qfs_super *)image;
  check_super(file, bytes);
  i64 replayed = recover(&next);
  check_super(file, bytes);
  claimed = calloc(sb->blocks, 1);
  if(claimed == NULL)
    tool_die("no memory");

  check_inode_file();
  check_inodes();
  check_orphans();
  check_links();
  check_bitmap();
  if(repair && (nmended > 0 || replayed > 0))
    save(bytes, next);
  if(nerrors || nmended)
    printf("%s: %lu errors, %lu mended\n", file, nerrors + nmended, nmended);
  else if(!quiet)
    printf("%s: consistent: %lu files, %lu of %lu blocks free%s\n", file, nfiles, sb->free_blocks,
           sb->blocks, replayed > 0 && !repair ? ", once its journal is replayed" : "");
  if(fflush(stdout))
    return NO_IMAGE;
  return nerrors ? NOT_MENDED : nmended ? MENDED : DONE;
}
