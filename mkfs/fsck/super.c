// SPDX-License-Identifier: MIT
//
// The superblock, and the order of the check.

#include "mkfs/fsck/check.h"
#include "mkfs/layout.h"

enum { FAULTS_SHOWN = 1000 };

struct check ck;

// ---- What is said ----

static void __attribute__((format(printf, 1, 2)))
say(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  fsck_say(fmt, ap);
  va_end(ap);
}

void
fault(const char *remedy, const char *fmt, ...)
{
  va_list ap;
  if(++ck.faults > FAULTS_SHOWN)
    return;
  va_start(ap, fmt);
  fsck_say(fmt, ap);
  va_end(ap);
  say(ck.repair ? ": %s\n" : "\n", remedy);
  if(ck.faults == FAULTS_SHOWN)
    say("and more, which are not shown\n");
}

// ---- The superblock ----

static bool
layout_ok(const struct qfs_super *sb)
{
  return sb->blocks >= 8 && sb->blocks <= ck.device && sb->bitmap_start == 1 &&
         sb->bitmap_blocks == (sb->blocks + QFS_BITS - 1) / QFS_BITS &&
         sb->shares_blocks == qfs_shares_blocks(sb) &&
         sb->shares_start == (sb->shares_blocks ? 1 + sb->bitmap_blocks : 0) &&
         sb->journal_start == 1 + sb->bitmap_blocks + sb->shares_blocks &&
         sb->journal_blocks >= QFS_JOURNAL_MIN &&
         sb->journal_blocks < sb->blocks &&
         sb->data_start == sb->journal_start + sb->journal_blocks && sb->data_start < sb->blocks;
}

static bool
same_layout(const struct qfs_super *a, const struct qfs_super *b)
{
  return a->bitmap_start == b->bitmap_start && a->bitmap_blocks == b->bitmap_blocks &&
         a->shares_start == b->shares_start && a->shares_blocks == b->shares_blocks &&
         a->journal_start == b->journal_start && a->journal_blocks == b->journal_blocks &&
         a->data_start == b->data_start;
}

// One that makes no sense, or does for the device but not for the number of blocks that it
// says, becomes what mkfs would make of the device, if the journal is where it would be then.
static bool
check_layout(void)
{
  struct qfs_super whole = *ck.sb, own = *ck.sb;
  layout(&whole, ck.device);
  layout(&own, ck.sb->blocks);
  bool ok = layout_ok(ck.sb), all = same_layout(ck.sb, &whole);
  if(ok && (same_layout(ck.sb, &own) || !all))
    return true;
  if(!layout_ok(&whole) ||
     (!all && *(u64 *)block_get(whole.journal_start) != QFS_JOURNAL_MAGIC)){
    say("the superblock's layout makes no sense, and no other can be found\n");
    return false;
  }
  fault("as for a disk of this size", "superblock: its layout makes no sense");
  *ck.sb = whole;
  block_dirty(0);
  return true;
}

bool
check_super(void)
{
  ck.sb = block_get(0);
  if(ck.failed)
    return false;
  if(ck.sb->magic != QFS_MAGIC){
    say("this is no qfs file system\n");
    return false;
  }
  if(ck.sb->version != QFS_VERSION || !qfs_features_known(ck.sb)){
    say("made by something newer or older\n");
    return false;
  }
  if(ck.sb->checksum != qfs_super_checksum(ck.sb)){
    fault("made anew", "superblock: its checksum is wrong");
    block_dirty(0);
  }
  return check_layout();
}

static bool
all_zero(const u8 *p, u64 n)
{
  while(n > 0 && p[n - 1] == 0)
    n--;
  return n == 0;
}

void
check_super_fields(void)
{
  if(ck.sb->label[QFS_LABEL - 1]){
    fault("cut", "superblock: its label has no end");
    ck.sb->label[QFS_LABEL - 1] = 0;
    block_dirty(0);
  }
  if(ck.sb->shared > (ck.sb->shares_blocks > 0)){
    fault("mended", "superblock: its note of shared blocks is %lu", ck.sb->shared);
    ck.sb->shared = ck.sb->shares_blocks > 0;
    block_dirty(0);
  }
  if(!all_zero(ck.sb->zero, sizeof ck.sb->zero)){
    fault("cleared", "superblock: what is to be zero is not");
    memset(ck.sb->zero, 0, sizeof ck.sb->zero);
    block_dirty(0);
  }
}

// ---- The whole ----

static void
check_everything(void)
{
  check_super_fields();
  own_init();
  check_inodes();
  complete_inode_file();
  if(ck.no_room)
    return;
  check_names();
  check_inode_bitmaps();
  check_bitmap();
  check_shares();
}

// The journal is emptied after all else is on the disk.
static void
save(void)
{
  ck.sb->checksum = qfs_super_checksum(ck.sb);
  block_dirty(0);
  blocks_write();
  ck.failed |= fsck_flush() != 0;
  if(!ck.failed)
    empty_journal();
}

static enum fsck_status
finish(bool replay)
{
  if(ck.failed)
    return FSCK_FAILED;
  if(ck.no_room)
    say("there is no room for what is missing: nothing is changed\n");
  if(!ck.repair || ck.no_room)
    return ck.faults ? FSCK_FAULTY : FSCK_SOUND;
  if(ck.faults || replay)
    save();
  return ck.failed ? FSCK_FAILED : ck.faults ? FSCK_MENDED : FSCK_SOUND;
}

enum fsck_status
fsck_device(unsigned long blocks, bool repair, struct fsck_result *r)
{
  ck = (struct check){ .device = blocks, .repair = repair };
  *r = (struct fsck_result){ 0 };
  if(blocks < 8 || !check_super())
    return FSCK_FAILED;
  r->replay = replay_journal() > 0;
  if(ck.failed || !check_super())
    return FSCK_FAILED;
  check_everything();
  enum fsck_status status = finish(r->replay);
  r->faults = ck.faults;
  r->blocks = ck.sb->blocks;
  r->free_blocks = ck.sb->free_blocks;
  for(u64 ino = 1; ino < ck.ninodes; ino++)
    r->files += inode_used(ino);
  return status;
}
