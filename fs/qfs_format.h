// SPDX-License-Identifier: MIT
//
// qfs on disk.  The one description of the format: the kernel's fs/qfs_*.c and
// the host tools of mkfs/ are built from it.  All numbers are little-endian, all
// blocks 4 KiB, block numbers count from the start of the device.
//
//   block 0    1 ..            shares_start ..   journal_start ..   data_start ..
//   +-------+---------------+----------------+--------------+-------------------------+
//   | super | block bitmap  | share counts   | journal      | file data, directories, |
//   |       | 1 bit a block | 32 bits a block|              | block trees, inode file |
//   |       |               | (feature bit)  | (feature bit)|                         |
//   +-------+---------------+----------------+--------------+-------------------------+
//
// Inodes live in a file, the inode file, that grows as they are needed; its own
// inode is in the superblock.  Block 0 as a block pointer means a hole.

#pragma once

#include "kernel/types.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "qfs structures are used as they lie");

enum { QFS_BLOCK = 4096, QFS_BLOCK_SHIFT = 12 };
enum { QFS_BITS = QFS_BLOCK * 8 };           // of a bitmap block
enum { QFS_PTRS = QFS_BLOCK / 8 };           // pointers in a tree block
enum { QFS_PTRS_SHIFT = 9 };

#define QFS_BLOCKS_MAX (1UL << 32)           // of a device: 16 TiB
#define QFS_FILE_MAX   (1UL << 44)           // bytes of a file: 16 TiB

// ---- Inodes ----
//
// Inode n is the 256 bytes at n * 256 of the inode file.  Every 32768 inode
// numbers are a group; the first block of a group, where its first 16 inodes
// would be, is the bitmap of the group (bit = n % 32768; the first 16 are set).  A
// free inode has mode 0 and otherwise anything.
//
//     0  mode (Linux's st_mode)  4  nlink   8  uid  12  gid
//    16  size in bytes                     24  blocks held, tree blocks included
//    32  rdev; of a directory: its parent  40  entries of a directory; of an orphan: the next
//    48  atime  56  mtime  64  ctime (s)   72  their nanoseconds, 3 x u32
//    84  height of the block tree          88  cut
//    96  root of the block tree: 20 block pointers; a symbolic link of up to
//        160 bytes is here itself and holds no blocks
//
// The block tree is a radix tree over the file's page number.  At height 0 the
// root points at the data; each height more puts a level of 512-pointer blocks
// between.  20 pointers reach 80 KiB, 40 MiB, 20 GiB, 10 TiB, all.
//
// Data at or past page `cut` is void: it reads as a hole and is freed before
// anything new is put there.  QFS_NO_CUT is the usual state.  A file that is being
// cut off has a cut, and one that was given blocks past the end it has here: its
// size follows when they have been written.
//
// An inode without links, in use or not yet freed, is an orphan: the superblock names
// the first, `entries` of each the next, 0 ends the list.

enum { QFS_INODE = 256, QFS_INODES_PER_BLOCK = QFS_BLOCK / QFS_INODE };
enum { QFS_INODE_GROUP = QFS_BITS };
enum { QFS_ROOT_INO = 16 };                  // the first there is
enum { QFS_ROOTS = 20, QFS_HEIGHT_MAX = 4 };
enum { QFS_SYMLINK_INLINE = QFS_ROOTS * 8 };
#define QFS_NO_CUT (~0UL)

struct qfs_dinode {
  u32 mode, nlink, uid, gid;
  u64 size, blocks;
  u64 rdev_or_parent, entries;
  i64 atime, mtime, ctime;
  u32 atime_nsec, mtime_nsec, ctime_nsec;
  u32 height;
  u64 cut;
  u64 root[QFS_ROOTS];
};
_Static_assert(sizeof(struct qfs_dinode) == QFS_INODE, "qfs inode");

// ---- The superblock ----
//
//     0  magic        8  version    12  checksum
//    16  compat      24  incompat feature bits
//    32  blocks of the device       40  bitmap_start  48  bitmap_blocks
//    56  journal_start  64  journal_blocks             72  data_start
//    80  free_blocks                88  hash_seed      96  orphans: the first, or 0
//   104  made (s)   112  mounted (s)                  120  uuid, 16 bytes
//   136  label, 32 bytes
//   168  shares_start  176  shares_blocks             184  shared: 0 if no block ever was
//   192  zero
//   256  inode of the inode file
//
// The checksum is crc32c (Castagnoli, as in iSCSI, RFC 3720 B.4) of these 512
// bytes with the checksum itself 0.  They are one sector: written whole or not at
// all.  The rest of block 0 is zero.

#define QFS_MAGIC 0x3130736665726975UL       // "uirefs01"
enum { QFS_VERSION = 1 };

// A system that does not know a compat bit may use the file system all the same;
// one that does not know an incompat bit must not.
#define QFS_INCOMPAT_JOURNAL   (1UL << 0)    // what the journal holds counts: replay it first
#define QFS_INCOMPAT_SHARED    (1UL << 1)    // blocks have share counts
#define QFS_INCOMPAT_KNOWN     (QFS_INCOMPAT_JOURNAL | QFS_INCOMPAT_SHARED)

enum { QFS_LABEL = 32 };

struct qfs_super {
  u64 magic;
  u32 version, checksum;
  u64 compat, incompat;
  u64 blocks;
  u64 bitmap_start, bitmap_blocks;
  u64 journal_start, journal_blocks;
  u64 data_start;
  u64 free_blocks;
  u64 hash_seed;
  u64 orphans;
  i64 made, mounted;
  u8 uuid[16];
  char label[QFS_LABEL];                     // NUL-padded, ends with one
  u64 shares_start, shares_blocks, shared;
  u8 zero[64];
  struct qfs_dinode inode_file;
};
_Static_assert(sizeof(struct qfs_super) == 512, "qfs superblock");
_Static_assert(offsetof(struct qfs_super, inode_file) == 256, "qfs superblock");

static inline bool
qfs_features_known(const struct qfs_super *s)
{
  return (s->incompat | QFS_INCOMPAT_SHARED) == QFS_INCOMPAT_KNOWN;
}

// ---- Share counts ----
//
// Block b has the 32 bits at b * 4 of the blocks from shares_start on: how many pages of
// files lead to it, but for the first.  It belongs to all of them: each counts it among
// those it holds, and who is to change it takes another block.  Only pages of regular files
// share.  A file system without the feature has no counts, and nothing in it is shared.

enum { QFS_SHARES = QFS_BLOCK / 4 };         // counts in a block

static inline u64
qfs_shares_blocks(const struct qfs_super *s)
{
  return s->incompat & QFS_INCOMPAT_SHARED ? (s->blocks + QFS_SHARES - 1) / QFS_SHARES : 0;
}

// ---- The journal ----
//
// Its first block is the header: the number of the transaction that begins in the next
// block, if one does.  Each is followed by the one with the next number; what does
// not continue so, or has a wrong sum, was never finished and does not count.
//
//   +--------+------------+--------+- ... -+--------+------------+-
//   | header | descriptor | block  |       | commit | descriptor |
//   +--------+------------+--------+- ... -+--------+------------+-
//
//   header        0 magic   8 sequence: 1 to 2^63 - 1, which nobody will reach
//   descriptor    0 magic   8 sequence  16 blocks  20 tags  24 zero
//                32 a tag for each of `blocks`: where it belongs; then for runs of
//                   blocks that were freed and were metadata: the first, and how
//                   many (up to 16) in the upper half.  Copies of those in this
//                   transaction and earlier ones are void: they may be data by now.
//   commit        0 magic   8 sequence  16 sum of the descriptor and the blocks
//
// The sum is seeded with the hash seed of the file system, so that nobody can
// prepare a file whose old copy in this area would pass for a transaction.

#define QFS_JOURNAL_MAGIC 0x316c6e726a736671UL     // "qfsjrnl1"
#define QFS_DESCRIPTOR_MAGIC 0x3163736564736671UL  // "qfsdesc1"
#define QFS_COMMIT_MAGIC 0x317469636d736671UL      // "qfscmit1"
enum { QFS_TAGS = (QFS_BLOCK - 32) / 8, QFS_FREED_RUN = 16, QFS_JOURNAL_MIN = 32 };

struct qfs_journal { u64 magic, sequence; };
struct qfs_commit { u64 magic, sequence, sum; };

struct qfs_descriptor {
  u64 magic, sequence;
  u32 blocks, tags;
  u64 zero;
  u64 tag[QFS_TAGS];
};
_Static_assert(sizeof(struct qfs_descriptor) == QFS_BLOCK, "qfs descriptor");

static inline u64 qfs_tag_block(u64 tag) { return tag & (QFS_BLOCKS_MAX - 1); }
static inline u64 qfs_tag_freed(u64 tag) { return tag >> 32; }

// One more block.  Each step is one to one in h and in the word: no change of a
// single word goes unseen.
static inline u64
qfs_sum(u64 h, const void *block)
{
  const u64 *w = block;
  for(u32 i = 0; i < QFS_BLOCK / 8; i++){
    h = (h ^ w[i]) * 0x9fb21c651e98df25UL;
    h ^= h >> 28;
  }
  return h;
}

// ---- Directories ----
//
// A directory's blocks are a B-tree over the 32-bit hash of the names.  Block 0
// of the file is always the root; an empty directory may have no blocks at all.
// The bytes of a name follow no order but that of their making.
//
//   every block   0 magic   4 level (0: leaf)   6 count   8 name bytes  12 zero
//   level > 0    16 count x { hash, block of the file }: block holds what hashes
//                   to `hash` and up, to the next one's; the first hash is 0
//   level 0      16 count x { hash, name offset in the block, name length,
//                   type (mode >> 12), inode number }, by rising hash
//                ... free ... and the names, packed against the end of the block
//
// All names of one hash are in one leaf.  `.` and `..` are not stored.

#define QFS_DIR_MAGIC 0x72696471U            // "qdir"
enum { QFS_DIR_LEVELS = 4 };                 // of blocks, at most
enum { QFS_NAME_MAX = 255 };

struct qfs_dirhead {
  u32 magic;
  u16 level, count;
  u32 name_bytes;
  u32 zero;
};

struct qfs_dirindex { u32 hash, block; };

struct qfs_dirent {
  u32 hash;
  u16 name_off;
  u8 name_len, type;
  u64 ino;
};

enum { QFS_DIR_SPACE = QFS_BLOCK - sizeof(struct qfs_dirhead) };
enum { QFS_DIR_FANOUT = QFS_DIR_SPACE / sizeof(struct qfs_dirindex) };

struct qfs_dirblock {
  struct qfs_dirhead head;
  union {
    struct qfs_dirindex index[QFS_DIR_FANOUT];
    struct qfs_dirent entry[QFS_DIR_SPACE / sizeof(struct qfs_dirent)];
    char bytes[QFS_DIR_SPACE];
  };
};
_Static_assert(sizeof(struct qfs_dirblock) == QFS_BLOCK, "qfs directory block");

// May it be a block of a directory?  What it says of itself is within its bounds, then.
static inline bool
qfs_dirblock_ok(const struct qfs_dirblock *b)
{
  const struct qfs_dirhead *h = &b->head;
  if(h->magic != QFS_DIR_MAGIC || h->level >= QFS_DIR_LEVELS)
    return false;
  if(h->level > 0)
    return h->count > 0 && h->count <= QFS_DIR_FANOUT;
  return h->name_bytes <= QFS_DIR_SPACE &&
         h->count <= (QFS_DIR_SPACE - h->name_bytes) / sizeof(struct qfs_dirent);
}

// The hash of a name: eight bytes at a time through a multiplication, the seed of
// the file system (and the length) first.  The last bytes count as followed by zeros.
static inline u32
qfs_hash(u64 seed, const char *name, u32 len)
{
  u64 h = seed ^ len;
  for(u64 i = 0; i < len; i += 8){
    u64 w = 0;
    for(u64 k = len - i < 8 ? len : i + 8; k > i; k--)
      w = w << 8 | (u8)name[k - 1];
    h = (h ^ w) * 0x9fb21c651e98df25UL;
    h ^= h >> 28;
  }
  return (u32)((h * 0x9fb21c651e98df25UL) >> 32);
}

// crc32c of n bytes, four bits at a time: remainder[i] is that of the bits i.
static inline u32
qfs_crc32c(const void *data, u64 n)
{
  static const u32 remainder[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
  };
  const u8 *p = data;
  u32 crc = ~0U;
  for(u64 i = 0; i < n; i++){
    crc ^= p[i];
    crc = crc >> 4 ^ remainder[crc & 15];
    crc = crc >> 4 ^ remainder[crc & 15];
  }
  return ~crc;
}

// The checksum that *s ought to carry.
static inline u32
qfs_super_checksum(const struct qfs_super *s)
{
  struct qfs_super copy = *s;
  copy.checksum = 0;
  return qfs_crc32c(&copy, sizeof(copy));
}
