// SPDX-License-Identifier: MIT
//
// Block devices: the list of them, checks that every driver would have to make,
// and waiting for requests.
//
// Locks: device.lock (interrupts off), under which requests end.

#include <machine.h>
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"

static struct list devices = LIST_INIT(devices);

void
block_register(struct block_device *d)
{
  spin_init(&d->lock, "block");
  list_append(&devices, &d->link);
  printk("%s: %lu MiB%s\n", d->name, d->sectors * SECTOR / MiB, d->read_only ? ", read-only" : "");
}

struct block_device *
block_find(const char *name)
{
  struct block_device *d;
  list_for(d, &devices, link)
    if(strcmp(d->name, name) == 0)
      return d;
  return NULL;
}

struct block_device *
block_at(u32 i)
{
  struct block_device *d;
  list_for(d, &devices, link)
    if(i-- == 0)
      return d;
  return NULL;
}

// Is the request one that the device can do?
static int
check(const struct block_device *d, const struct block_request *r)
{
  if(r->op == BLOCK_FLUSH)
    return r->len == 0 ? 0 : -EINVAL;
  if(r->op == BLOCK_WRITE && d->read_only)
    return -EROFS;
  if(r->len == 0 || r->len % (r->page ? PAGE_SIZE : SECTOR) || block_pieces(r) > d->pages_max)
    return -EINVAL;
  if(r->sector > d->sectors || r->len / SECTOR > d->sectors - r->sector)
    return -EINVAL;
  return 0;
}

// So many requests more are in flight; device lock held. => now
static u64
in_flight(struct block_device *d, u32 more)
{
  u64 now = machine_time_ns();
  if(d->in_flight)
    d->busy_ns += now - d->busy_since;
  d->busy_since = now;
  d->in_flight += more;
  return now;
}

// The device gets r, or has not taken it.
static void
count(struct block_device *d, struct block_request *r, u32 more)
{
  bool on = spin_lock_irq(&d->lock);
  r->began = in_flight(d, more);
  spin_unlock_irq(&d->lock, on);
}

int
block_submit(struct block_device *d, struct block_request *r)
{
  int e = check(d, r);
  if(e)
    return e;
  r->done = false;
  count(d, r, 1);
  trace(BLOCK_ISSUE, d, r);
  if(r->op == BLOCK_FLUSH && !d->has_flush){
    block_complete(d, r, 0);
    return 0;
  }
  if((e = d->submit(d, r)) != 0)
    count(d, r, -1U);
  return e;
}

static void
account(struct block_device *d, const struct block_request *r)
{
  d->ns[r->op] += in_flight(d, -1U) - r->began;
  switch(r->op){
  case BLOCK_READ:
    d->reads++;
    d->sectors_read += r->len / SECTOR;
    break;
  case BLOCK_WRITE:
    d->writes++;
    d->sectors_written += r->len / SECTOR;
    break;
  case BLOCK_FLUSH:
    d->flushes++;
    break;
  }
}

static void
report_error(struct block_device *d, const struct block_request *r)
{
  static const char *const verb[] = { "read", "write", "flush" };
  u64 n = ++d->errors;
  if(worth_a_line(n))
    printk("%s: %s at sector %lu failed (error %d, %lu so far)\n", d->name, verb[r->op],
           r->sector, -r->status, n);
}

// A waiting maker sees `done` only under the lock, so the request is still there
// while it is woken; after that it is not ours.
void
block_complete(struct block_device *d, struct block_request *r, int status)
{
  void (*complete)(struct block_request *) = r->complete;
  bool on = spin_lock_irq(&d->lock);
  r->status = status;
  trace(BLOCK_DONE, d, r);
  account(d, r);
  if(status)
    report_error(d, r);
  if(!complete){
    r->done = true;
    wake_all(&r->wait);
  }
  spin_unlock_irq(&d->lock, on);
  if(complete)
    complete(r);
}

int
block_start(struct block_device *d, struct block_request *r)
{
  r->complete = NULL;
  waitq_init(&r->wait);
  return block_submit(d, r);
}

int
block_wait(struct block_device *d, struct block_request *r)
{
  bool on = spin_lock_irq(&d->lock);
  while(!r->done)
    wait_io(&r->wait, &d->lock);
  spin_unlock_irq(&d->lock, on);
  return r->status;
}

static int
start_and_wait(struct block_device *d, struct block_request *r)
{
  int e = block_start(d, r);
  return e ? e : block_wait(d, r);
}

int
block_rw(struct block_device *d, enum block_op op, u64 sector, void *kva, u32 len)
{
  struct block_request r = { .op = op, .sector = sector, .kva = kva, .len = len };
  return start_and_wait(d, &r);
}

int
block_flush(struct block_device *d)
{
  struct block_request r = { .op = BLOCK_FLUSH };
  return start_and_wait(d, &r);
}
