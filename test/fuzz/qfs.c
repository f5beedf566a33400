// SPDX-License-Identifier: MIT
//
// qfs (the kernel's sources, as the host's tools have them) and fsck under libFuzzer.  The
// input says what to change in the metadata of a sound image: records of
//
//   0  which block   2  at which byte   4  value, 8 bytes
//
// The kernel's sources then go through the image and change it; fsck mends it as it was, and
// is content with what it has made.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fs/qfs_format.h"
#include "mkfs/format.h"
#include "mkfs/fsck/fsck.h"
#include "mkfs/image.h"

enum { BYTES = 1 << 20, RECORD = 12, RECORDS = 24, NAMES = 60, DEPTH = 5 };

static uint8_t *disk, sound[BYTES];
static char path[32];
static uint32_t blocks[BYTES / QFS_BLOCK], nblocks;      // metadata

static void __attribute__((noreturn))
wrong(const char *what)
{
  fprintf(stderr, "wrong: %s\n", what);
  abort();
}

// ---- What fsck asks for ----

static struct piece { struct piece *next; uint64_t bytes[]; } *pieces;

void *
fsck_memory(unsigned long bytes)
{
  struct piece *p = calloc(1, sizeof *p + bytes);
  if(p == NULL)
    wrong("no memory");
  p->next = pieces;
  pieces = p;
  return p->bytes;
}

int
fsck_read(unsigned long block, void *to)
{
  memcpy(to, disk + block * QFS_BLOCK, QFS_BLOCK);
  return 0;
}

int
fsck_write(unsigned long block, const void *from)
{
  memcpy(disk + block * QFS_BLOCK, from, QFS_BLOCK);
  return 0;
}

int fsck_flush(void) { return 0; }
void fsck_say(const char *fmt, va_list ap) { }

static enum fsck_status
check(bool repair)
{
  struct fsck_result r;
  enum fsck_status status = fsck_device(BYTES / QFS_BLOCK, repair, &r);
  for(struct piece *p; (p = pieces); free(p))
    pieces = p->next;
  return status;
}

// ---- A sound image ----

static void
make(struct image *m, const char *name, uint32_t mode, uint64_t off)
{
  struct inode *i;
  if(image_create(m, name, mode, 0, &i) != 0)
    wrong("cannot create");
  if(off && image_write(i, off, "some text", 9) != 0)
    wrong("cannot write");
  image_put_inode(i);
}

static void
share(struct image *m, const char *name, const char *from)
{
  struct inode *i, *source;
  if(image_find(m, name, &i) != 0)
    return;
  if(image_find(m, from, &source) == 0){
    image_clone(i, source);
    image_put_inode(source);
  }
  image_put_inode(i);
}

static void
set_up(void)
{
  struct image *m;
  uint64_t seed = 1;
  char name[90];
  int fd = memfd_create("disk", 0);
  if(fd < 0 || ftruncate(fd, BYTES) < 0 || format_image(fd, BYTES, "fuzz", &seed) != 0)
    wrong("no disk");
  disk = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if(disk == MAP_FAILED || image_open(path, true, &m) != 0)
    wrong("no image");
  make(m, "/dir", 0040755, 0);
  make(m, "/file", 0100644, 50000);
  make(m, "/dir/sparse", 0100644, 90 << 20);
  make(m, "/copy", 0100644, 0);
  share(m, "/copy", "/file");
  image_symlink(m, "/link", "file");
  for(int k = 0; k < NAMES; k++){
    snprintf(name, sizeof name, "/dir/%070d", k);
    make(m, name, 0100600, 0);
  }
  image_close(m);
  memcpy(sound, disk, BYTES);
  for(uint32_t n = 0; n < BYTES / QFS_BLOCK; n++)
    for(uint32_t k = 0; k < QFS_BLOCK; k++)
      if(disk[n * QFS_BLOCK + k]){
        blocks[nblocks++] = n;
        break;
      }
}

// ---- Going through it ----

struct visit { struct image *m; char path[600]; int depth, seen; };

static void visit(struct visit *v);

static bool
visit_name(void *arg, const char *name, unsigned long ino)
{
  struct visit *v = arg, below = { .m = v->m, .depth = v->depth + 1 };
  if(v->depth == DEPTH || v->seen++ > 2 * NAMES || strlen(v->path) > 250)
    return false;
  snprintf(below.path, sizeof below.path, "%s/%s", v->path, name);
  visit(&below);
  return true;
}

static void
visit(struct visit *v)
{
  static char buf[1 << 16];
  struct image_stat st;
  struct inode *i;
  if(image_find(v->m, v->path, &i) != 0)
    return;
  image_stat(i, &st);
  image_readlink(i, buf, sizeof buf);
  image_read(i, 0, buf, sizeof buf);
  image_list(i, visit_name, v);
  image_put_inode(i);
}

static void
go_through(void)
{
  struct image *m;
  struct inode *i;
  if(image_open(path, true, &m) != 0)
    return;
  struct visit v = { .m = m };
  visit(&v);
  if(image_find(m, "/file", &i) == 0){
    image_write(i, 20000, "more text", 9);
    image_truncate(i, 3000);
    image_put_inode(i);
  }
  share(m, "/dir/sparse", "/file");
  image_unlink(m, "/copy");
  image_unlink(m, "/dir/sparse");
  image_unlink(m, "/link");
  image_create(m, "/dir/new", 0100644, 0, NULL);
  image_close(m);
}

static void
change(const uint8_t *data, size_t size)
{
  struct qfs_super *sb = (struct qfs_super *)disk;
  memcpy(disk, sound, BYTES);
  for(; size >= RECORD; data += RECORD, size -= RECORD){
    uint32_t n = blocks[(data[0] | data[1] << 8) % nblocks];
    uint32_t at = (data[2] | data[3] << 8) % (QFS_BLOCK - 7);
    memcpy(disk + n * QFS_BLOCK + at, data + 4, 8);
  }
  memcpy(sb, sound, offsetof(struct qfs_super, blocks));
  sb->checksum = qfs_super_checksum(sb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if(disk == NULL)
    set_up();
  if(size > RECORD * RECORDS)
    return 0;
  change(data, size);
  go_through();
  change(data, size);
  if(check(true) <= FSCK_MENDED){
    if(check(false) != FSCK_SOUND)
      wrong("mended, and not sound");
    go_through();
    if(check(false) != FSCK_SOUND)
      wrong("not sound after use");
  }
  return 0;
}
