// SPDX-License-Identifier: MIT
//
// The disk in memory that fsck can open.  A request ends before submit returns, but
// others may run in between.

#include <stdlib.h>
#include "disk.h"
#include "hosted.h"
#include "mkfs/format.h"
#include "ram.h"

static struct {
  struct block_device block;
  u32 fail_one_in;
  u64 requests, fail_at;       // since disk_fail_at
  bool fail_on;
  bool recording;
  u64 room;                    // for events
} disk = { .block = { .name = "disk", .pages_max = 5, .has_flush = true } };

u8 *disk_bytes;
u64 disk_size;
struct disk_event *disk_events;
u64 disk_nevents;

void
disk_free_events(struct disk_event *v, u64 n)
{
  for(u64 i = 0; v && i < n; i++)
    free(v[i].data);
  free(v);
}

void
disk_record(bool on)
{
  if(on){
    disk_free_events(disk_events, disk_nevents);
    disk_events = NULL;
    disk_nevents = disk.room = 0;
  }
  disk.recording = on;
}

static void
note(enum block_op op, u64 at, const void *data, u32 len)
{
  if(!disk.recording || op == BLOCK_READ)
    return;
  if(disk_nevents == disk.room){
    disk.room = max(64UL, disk.room * 2);
    disk_events = realloc(disk_events, disk.room * sizeof *disk_events);
  }
  struct disk_event *v = &disk_events[disk_nevents++];
  *v = (struct disk_event){ op, at, len, malloc(len + 1) };
  memcpy(v->data, data, len);
}

static bool
fails(void)
{
  disk.requests++;
  return (disk.fail_one_in && below(disk.fail_one_in) == 0) || disk.requests == disk.fail_at ||
         (disk.fail_on && disk.requests > disk.fail_at);
}

static int
submit(struct block_device *d, struct block_request *r)
{
  u64 at = r->sector * SECTOR;
  int err = fails() ? -EIO : 0;
  if(r->op == BLOCK_FLUSH && err == 0)
    note(BLOCK_FLUSH, 0, "", 0);
  for(u32 i = 0, len; i < block_pieces(r) && err == 0; i++, at += len){
    void *mem = block_piece(r, i, &len);
    preemption_point();
    assert(at + len <= disk_size);
    if(r->op == BLOCK_READ)
      memcpy(mem, disk_bytes + at, len);
    else
      memcpy(disk_bytes + at, mem, len);
    note(r->op, at, mem, len);
  }
  block_complete(d, r, err);
  return 0;
}

struct block_device *
disk_make(u64 bytes)
{
  int fd;
  disk_bytes = ram_file(bytes, &fd);
  assert(disk_bytes != NULL);
  assert(format_image(fd, bytes, "unit test", &(u64){ host_random() }) == 0);
  disk_size = bytes;
  disk.block.sectors = bytes / SECTOR;
  disk.block.submit = submit;
  block_register(&disk.block);
  return &disk.block;
}

struct block_device *disk_device(void) { return &disk.block; }

void
disk_fail(u32 one_in)
{
  disk.fail_one_in = one_in;
}

u64
disk_fail_at(u64 n, bool on)
{
  u64 requests = disk.requests;
  disk.requests = 0;
  disk.fail_at = n;
  disk.fail_on = on;
  return requests;
}

// ---- fsck ----

static struct piece { struct piece *next; u64 bytes[]; } *pieces;

void *
fsck_memory(unsigned long bytes)
{
  struct piece *p = calloc(1, sizeof *p + bytes);
  assert(p != NULL);
  p->next = pieces;
  pieces = p;
  return p->bytes;
}

int
fsck_read(unsigned long block, void *to)
{
  memcpy(to, disk_bytes + block * PAGE_SIZE, PAGE_SIZE);
  return 0;
}

int
fsck_write(unsigned long block, const void *from)
{
  memcpy(disk_bytes + block * PAGE_SIZE, from, PAGE_SIZE);
  return 0;
}

int fsck_flush(void) { return 0; }

void
fsck_say(const char *fmt, va_list ap)
{
  char text[512];
  vsnprintk(text, sizeof text, fmt, ap);
  printk("%s", text);
}

enum fsck_status
disk_check(bool repair)
{
  struct fsck_result r;
  enum fsck_status status = fsck_device(disk_size / PAGE_SIZE, repair, &r);
  for(struct piece *p; (p = pieces); free(p))
    pieces = p->next;
  return status;
}

void
disk_expect_consistent(void)
{
  if(disk_check(false) != FSCK_SOUND)
    panic("the disk is not consistent");
}
