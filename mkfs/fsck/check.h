// SPDX-License-Identifier: MIT
//
// Between the parts of fsck, in the order in which they work:
//
//   super.c     is it one of ours; its layout
//   journal.c   what the journal holds goes home, in memory
//   inodes.c    inodes and their block trees: who uses which block
//   dirs.c      directories: their names, and writing them anew
//   names.c     what names what; lost+found, link counts, orphans
//   blocks.c    blocks in memory; which are in use, and the bitmap of it
//
// Every part says what is wrong and mends it at once, so that the next finds it sound.
// Nothing is believed before it was looked at.

#pragma once

#include "fs/qfs_format.h"
#include "kernel/string.h"
#include "mkfs/fsck/fsck.h"

enum { S_IFMT = 0170000, S_IFIFO = 0010000, S_IFCHR = 0020000, S_IFDIR = 0040000,
       S_IFBLK = 0060000, S_IFREG = 0100000, S_IFLNK = 0120000 };

struct map { u64 *block, n, room; };         // page of a file -> block; 0 or past n: none

// A name in a directory, and whether it stays.
struct entry {
  u32 hash;
  u8 len, type;
  bool gone;
  u64 ino;
  const char *text;
};

struct dir {
  u64 ino;
  struct entry *list;            // by hash, length, text
  u64 n, room;
  bool anew;                     // to be written anew
  struct dir *up;                // the one whose name for it counts
  u64 walk;                      // in which the way up was last gone
  struct dir *next;
};

struct inode_note {
  u32 names;                     // entries that name it, without those gone
  u32 subdirs;
  struct dir *dir;
  bool chained;                  // on the list of orphans
};

// A page of a file that another has too, and may not.
struct shared {
  u64 ino, page, home, *slot;    // the pointer, and the block it lies in
  struct shared *next;
};

struct check {
  struct qfs_super *sb;
  u64 device;                    // blocks
  u64 faults;
  bool repair;                   // else what is mended is not written
  bool failed;                   // a block could not be read or written
  bool no_room;                  // for what has to be made

  struct block **cache;          // by hash
  u32 *owner;                    // of a block: an inode's number + 1, in as many bits; 0: free
  u32 *users;                    // of a block that pages of files have: how many; NULL: none share
  u64 goal;                      // no block before it is free

  struct map table;              // the inode file
  u64 ninodes;
  struct inode_note *note;
  struct dir *dirs;              // by rising number
  struct shared *shared, **shared_end;
  u64 nshared;
  char *text;                    // room for more names
  u64 text_left;
};
extern struct check ck;

// One fault; `remedy` is what is done about it.
void fault(const char *remedy, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void flip_bit(u8 *bits, u64 i) { bits[i / 8] ^= 1 << (i % 8); }
static inline bool get_bit(const u8 *bits, u64 i) { return bits[i / 8] >> (i % 8) & 1; }

// ---- blocks.c ----

void *block_get(u64 n);                      // stays where it is; zeros if it cannot be read
void block_dirty(u64 n);
void blocks_write(void);                     // those that are dirty
u64 block_new(u64 ino, void **data);         // zeros, the inode's; => 0: there is none
void own_init(void);
bool own(u64 n, u64 ino);                    // => false: it is somebody's
void disown(u64 n);
bool data_block(u64 n);                      // may a file have it?
void check_bitmap(void);
void check_shares(void);

// ---- super.c, journal.c ----

bool check_super(void);                      // => false: no file system
void check_super_fields(void);
u64 replay_journal(void);                    // => how many transactions it held
void empty_journal(void);                    // writes at once

// ---- inodes.c ----

struct qfs_dinode *inode_at(u64 ino);        // 0: the inode file
void inode_dirty(u64 ino);
bool inode_used(u64 ino);
void inode_free(u64 ino);                    // and its blocks
u64 inode_new(u32 mode);                     // => 0: no room
void drop_blocks(u64 ino);
void *file_block(u64 ino, u64 page, u64 *block);   // a new one there; => NULL: no room

void check_inodes(void);
void complete_inode_file(void);              // blocks that it lacks
void copy_shared(void);
void check_inode_bitmaps(void);

// ---- dirs.c, names.c ----

struct dir *dir_read(u64 ino, const struct map *m);
void dir_add(struct dir *d, const char *text, u8 len, u64 ino);
void dir_write(struct dir *d);
const char *shown(const struct entry *e);    // without what a terminal would obey
void check_names(void);
