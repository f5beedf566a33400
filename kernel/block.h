// SPDX-License-Identifier: MIT
//
// Block devices.  A request is a run of sectors and the memory for them: pages, or one
// piece of the direct map.  Drivers keep many in flight and complete them from
// interrupts.

#pragma once

#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"
#include "mm/frame.h"

struct file;
struct inode;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };
enum { SECTOR = 512, BLOCK_PAGES_MAX = 128, BLOCK_MAJOR = 254 };

// The maker sets op, sector, the memory and, for block_submit, complete and arg.
struct block_request {
  enum block_op op;
  u64 sector;
  struct frame **page;           // whole pages, the list valid until done; or NULL and
  void *kva;                     // direct-mapped memory
  u32 len;                       // bytes: whole sectors
  void (*complete)(struct block_request *r);  // interrupt context: mark and wake only
  void *arg;

  int status;                    // 0 or -errno, once done
  bool done;                     // device lock
  struct waitq wait;             // who waits in block_wait
  u64 began;                     // when it was submitted
};

struct block_device {
  char name[16];                 // vda, vdb, ram0
  u64 sectors;
  u32 pages_max;                 // in one request, at most BLOCK_PAGES_MAX
  bool read_only, has_flush;
  u32 held;                      // by block_hold
  int (*submit)(struct block_device *d, struct block_request *r);  // => 0, or -errno at once

  struct spinlock lock;          // with interrupts off; below, and `done` of the requests
  u64 reads, writes, flushes, sectors_read, sectors_written, errors;
  u64 ns[BLOCK_FLUSH + 1];       // that requests took, by what they were
  u32 in_flight;
  u64 busy_ns, busy_since;       // with some in flight: in all, up to that time

  struct list link;              // all devices; only grows, at boot
};

// Start a request; ->complete follows (or the call fails).  Needs no memory
// that was not set aside when the device was made; may sleep for a free descriptor.
// => 0, or -EINVAL (past the end, too many pages), -EROFS, -EIO
int block_submit(struct block_device *d, struct block_request *r);

// The same with a completion that block_wait awaits; every start that succeeded
// needs its block_wait, for the request is the caller's memory.
int block_start(struct block_device *d, struct block_request *r);
int block_wait(struct block_device *d, struct block_request *r);  // => 0 or -errno; sleeps

// Start and wait.  kva is in the direct map.  => 0 or -errno
int block_rw(struct block_device *d, enum block_op op, u64 sector, void *kva, u32 len);
int block_flush(struct block_device *d);          // nothing if the device has no cache

// The device is a mounted file system's, or a swap area's, until block_let_go.
// => false if it is somebody's already
static inline bool block_hold(struct block_device *d) { return atomic_swap(&d->held, 1) == 0; }
static inline void block_let_go(struct block_device *d) { atomic_store(&d->held, 0); }

// f becomes an open file of the device that i names. => 0 or -ENXIO
int block_file_open(struct file *f, struct inode *i);

// => NULL if there is none
struct block_device *block_find(const char *name);
struct block_device *block_at(u32 i);

// ---- For drivers ----

static inline u32
block_pieces(const struct block_request *r)
{
  return r->page ? r->len / PAGE_SIZE : r->len > 0;
}

// => piece i of the request's memory, *len bytes
static inline void *
block_piece(const struct block_request *r, u32 i, u32 *len)
{
  *len = r->page ? PAGE_SIZE : r->len;
  return r->page ? frame_kva(r->page[i]) : r->kva;
}

// The driver has set name, sectors, segs_max, the two bools and submit.  Boot only.
void block_register(struct block_device *d);

// A request ended.  => any context; the driver holds no lock
void block_complete(struct block_device *d, struct block_request *r, int status);

void virtio_init(void);          // probe every virtio-mmio slot of the device tree
void ramdisk_init(void);         // ram0 and ram1
