// SPDX-License-Identifier: MIT
//
// Making an empty file system: superblock, bitmap, share counts (zeros), journal, and an
// inode file of two blocks, the bitmap of its first group and the root directory's inode.

#include "mkfs/format.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "fs/qfs_format.h"
#include "mkfs/layout.h"

enum { INODE_FILE_BLOCKS = 2 };
enum { MODE_REGULAR = 0100600, MODE_ROOT = 0040755 };

static int
write_block(int fd, u64 block, const void *data)
{
  ssize_t n = pwrite(fd, data, QFS_BLOCK, block * QFS_BLOCK);
  return n == QFS_BLOCK ? 0 : n < 0 ? -errno : -ENOSPC;
}

static void
lay_out(struct qfs_super *sb, u64 blocks)
{
  sb->magic = QFS_MAGIC;
  sb->version = QFS_VERSION;
  sb->incompat = QFS_INCOMPAT_JOURNAL | QFS_INCOMPAT_SHARED;
  layout(sb, blocks);
  sb->free_blocks = blocks - sb->data_start - INODE_FILE_BLOCKS;
}

static void
fill_inode_file(struct qfs_super *sb)
{
  struct qfs_dinode *d = &sb->inode_file;
  d->mode = MODE_REGULAR;
  d->nlink = 1;
  d->size = INODE_FILE_BLOCKS * QFS_BLOCK;
  d->blocks = INODE_FILE_BLOCKS;
  d->cut = QFS_NO_CUT;
  for(u32 i = 0; i < INODE_FILE_BLOCKS; i++)
    d->root[i] = sb->data_start + i;
}

// Used: everything before the data, the inode file, and what is past the end.
static int
write_bitmap(int fd, const struct qfs_super *sb)
{
  u64 used = sb->data_start + INODE_FILE_BLOCKS;
  for(u64 k = 0; k < sb->bitmap_blocks; k++){
    u8 bits[QFS_BLOCK] = { 0 };
    bool any = false;
    for(u64 i = 0; i < QFS_BITS; i++){
      u64 block = k * QFS_BITS + i;
      if(block < used || block >= sb->blocks){
        bits[i / 8] |= 1 << (i % 8);
        any = true;
      }
    }
    int e = any ? write_block(fd, sb->bitmap_start + k, bits) : 0;
    if(e)
      return e;
  }
  return 0;
}

static int
write_inodes(int fd, const struct qfs_super *sb, i64 now)
{
  u8 bits[QFS_BLOCK] = { 0xff, 0xff, 0x01 };        // the bitmap's own 16, and the root
  struct qfs_dinode inodes[QFS_INODES_PER_BLOCK] = {
    [QFS_ROOT_INO % QFS_INODES_PER_BLOCK] = {
      .mode = MODE_ROOT, .nlink = 2, .rdev_or_parent = QFS_ROOT_INO, .cut = QFS_NO_CUT,
      .atime = now, .mtime = now, .ctime = now,
    },
  };
  int e = write_block(fd, sb->data_start, bits);
  return e ? e : write_block(fd, sb->data_start + 1, inodes);
}

static int
write_journal(int fd, const struct qfs_super *sb)
{
  u8 block[QFS_BLOCK] = { 0 };
  struct qfs_journal j = { .magic = QFS_JOURNAL_MAGIC, .sequence = 1 };
  memcpy(block, &j, sizeof(j));
  return write_block(fd, sb->journal_start, block);
}

static int
write_super(int fd, struct qfs_super *sb)
{
  u8 block[QFS_BLOCK] = { 0 };
  sb->checksum = qfs_super_checksum(sb);
  memcpy(block, sb, sizeof(*sb));
  return write_block(fd, 0, block);
}

int
format_image(int fd, u64 bytes, const char *label, const u64 *seed)
{
  struct qfs_super sb = { .made = time(NULL) };
  if(getrandom(&sb.hash_seed, sizeof(sb.hash_seed), 0) < 0 ||
     getrandom(sb.uuid, sizeof(sb.uuid), 0) < 0)
    return -errno;
  if(seed)
    sb.hash_seed = *seed;
  sb.uuid[6] = (sb.uuid[6] & 0x0f) | 0x40;          // random, RFC 4122 4.4
  sb.uuid[8] = (sb.uuid[8] & 0x3f) | 0x80;
  strncpy(sb.label, label, QFS_LABEL - 1);
  lay_out(&sb, bytes / QFS_BLOCK);
  fill_inode_file(&sb);
  int e = write_bitmap(fd, &sb);
  if(e == 0)
    e = write_inodes(fd, &sb, sb.made);
  if(e == 0)
    e = write_journal(fd, &sb);
  return e ? e : write_super(fd, &sb);
}
