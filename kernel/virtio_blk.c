// SPDX-License-Identifier: MIT
//
// virtio block devices (virtio 1.2, section 5.2): vda, vdb ... in the order they
// are found.  A request is a chain of descriptors: header, the caller's
// memory, status byte.  All that requests need is made with the device, so
// starting one takes no memory; who finds too few descriptors free sleeps.  When a
// device gives up, what it was doing fails, and it is set up again.
//
// Locks: disk.lock (interrupts off): the queue and the free descriptors.

#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/virtio.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include <machine.h>

// Feature bits (5.2.3).
#define BLK_F_SEG_MAX (1UL << 2)
#define BLK_F_RO      (1UL << 5)
#define BLK_F_FLUSH   (1UL << 9)

// Device configuration (5.2.4).
enum { CONFIG_CAPACITY = 0, CONFIG_SEG_MAX = 12 };

// Request types and status bytes (5.2.6).
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4 };
enum { STATUS_OK = 0, STATUS_UNSUPPORTED = 2, STATUS_NONE = 0xff };

// What belongs to the chain that begins at the descriptor of the same number.
struct chain {
  struct block_request *request;   // NULL: no chain begins here
  struct {
    u32 type, reserved;
    u64 sector;
  } header;
  u8 status;
};

struct disk {
  struct block_device block;
  struct virtio virtio;

  struct spinlock lock;            // below
  struct virtq queue;
  struct chain *chains;            // one a descriptor
  u32 nfree;
  u16 free;                        // first free descriptor; linked through `next`
  struct waitq freed;              // descriptors came back
  bool gone;                       // it could not be set up again
};

static u32 ndisks;

static u16
desc_alloc(struct disk *k)
{
  u16 i = k->free;
  k->free = k->queue.desc[i].next;
  k->nfree--;
  return i;
}

// Put one more piece at the end of a chain.
static u16
chain_add(struct disk *k, u16 last, pa_t pa, u32 len, u16 flags)
{
  u16 i = desc_alloc(k);
  k->queue.desc[i] = (struct virtq_desc){ .addr = pa, .len = len, .flags = flags };
  k->queue.desc[last].flags |= DESC_NEXT;
  k->queue.desc[last].next = i;
  return i;
}

static void
chain_free(struct disk *k, u16 head)
{
  struct virtq_desc *desc = k->queue.desc;
  u16 last = head;
  for(k->nfree++; desc[last].flags & DESC_NEXT; k->nfree++)
    last = desc[last].next;
  desc[last].next = k->free;
  k->free = head;
  k->chains[head].request = NULL;
}

// => k->lock held, enough descriptors free
static u16
chain_make(struct disk *k, struct block_request *r)
{
  static const u32 types[] = { T_IN, T_OUT, T_FLUSH };
  u16 head = desc_alloc(k);
  struct chain *c = &k->chains[head];
  c->request = r;
  c->header.type = types[r->op];
  c->header.sector = r->op == BLOCK_FLUSH ? 0 : r->sector;
  c->status = STATUS_NONE;

  k->queue.desc[head] = (struct virtq_desc){ .addr = kva_pa(&c->header), .len = sizeof(c->header) };
  u16 last = head;
  for(u32 i = 0, len; i < block_pieces(r); i++){
    void *mem = block_piece(r, i, &len);
    last = chain_add(k, last, kva_pa(mem), len, r->op == BLOCK_READ ? DESC_WRITE : 0);
  }
  chain_add(k, last, kva_pa(&c->status), 1, DESC_WRITE);
  return head;
}

static int
submit(struct block_device *d, struct block_request *r)
{
  struct disk *k = container_of(d, struct disk, block);
  bool on = spin_lock_irq(&k->lock);
  while(k->nfree < block_pieces(r) + 2 && !k->gone)
    wait_io(&k->freed, &k->lock);
  bool gone = k->gone;
  if(!gone)
    virtq_offer(&k->queue, chain_make(k, r));
  spin_unlock_irq(&k->lock, on);
  if(gone)
    return -EIO;
  virtio_notify(&k->virtio, &k->queue);
  return 0;
}

// A chain that the device says it is through with.
// => its request and *status, or NULL if the device talks nonsense
static struct block_request *
chain_finish(struct disk *k, u32 head, int *status)
{
  if(head >= k->queue.size || !k->chains[head].request)
    return NULL;
  struct chain *c = &k->chains[head];
  struct block_request *r = c->request;
  u8 s = atomic_load(&c->status);
  *status = s == STATUS_OK ? 0 : s == STATUS_UNSUPPORTED ? -EOPNOTSUPP : -EIO;
  chain_free(k, head);
  return r;
}

static void
descs_free_all(struct disk *k)
{
  for(u32 i = 0; i < k->queue.size; i++)
    k->queue.desc[i].next = (u16)(i + 1);
  k->free = 0;
  k->nfree = k->queue.size;
}

// Until the device is up again no descriptor is free, so all requests there are
// came before. k->lock held, here and there
static void
recover(struct disk *k)
{
  printk("%s: the device has failed and is reset\n", k->block.name);
  virtio_reset(&k->virtio);
  k->nfree = 0;
  for(u32 i = 0; i < k->queue.size; i++){
    struct block_request *r = k->chains[i].request;
    k->chains[i].request = NULL;
    if(!r)
      continue;
    spin_unlock(&k->lock);
    block_complete(&k->block, r, -EIO);
    spin_lock(&k->lock);
  }
  k->gone = virtio_negotiate(&k->virtio, k->virtio.features) != 0 ||
            virtio_queue(&k->virtio, &k->queue) != 0;
  if(k->gone){
    virtio_fail(&k->virtio);
    return;
  }
  descs_free_all(k);
  virtio_start(&k->virtio);
}

static void
interrupt(void *arg)
{
  struct disk *k = arg;
  struct virtq_used_elem done;
  virtio_acknowledge(&k->virtio);
  bool on = spin_lock_irq(&k->lock);
  while(virtq_take(&k->queue, &done)){
    int status;
    struct block_request *r = chain_finish(k, done.id, &status);
    if(!r)
      continue;
    spin_unlock_irq(&k->lock, on);
    block_complete(&k->block, r, status);
    on = spin_lock_irq(&k->lock);
  }
  if(unlikely(virtio_broken(&k->virtio)))
    recover(k);
  wake_all(&k->freed);
  spin_unlock_irq(&k->lock, on);
}

static int
chains_make(struct disk *k)
{
  k->chains = kzalloc(k->queue.size * sizeof(struct chain));
  if(!k->chains)
    return -ENOMEM;
  descs_free_all(k);
  return 0;
}

static int
set_up(struct disk *k)
{
  struct virtio *v = &k->virtio;
  int e = virtio_negotiate(v, BLK_F_SEG_MAX | BLK_F_RO | BLK_F_FLUSH);
  if(e == 0)
    e = virtio_queue(v, &k->queue);
  if(e == 0)
    e = chains_make(k);
  if(e)
    return e;

  struct block_device *d = &k->block;
  d->pages_max = min(k->queue.size - 2, (u32)BLOCK_PAGES_MAX);
  if(v->features & BLK_F_SEG_MAX)
    d->pages_max = max(1U, min(d->pages_max, virtio_config32(v, CONFIG_SEG_MAX)));
  d->sectors = virtio_config64(v, CONFIG_CAPACITY);
  d->read_only = v->features & BLK_F_RO;
  d->has_flush = v->features & BLK_F_FLUSH;
  d->submit = submit;
  return irq_register(v->irq, d->name, interrupt, k);
}

void
virtio_blk_attach(const struct virtio *v)
{
  struct disk *k = kzalloc(sizeof(*k));
  int e = -ENOMEM;
  if(k){
    k->virtio = *v;
    spin_init(&k->lock, "virtio-blk");
    waitq_init(&k->freed);
    e = set_up(k);
  }
  if(e){
    printk("virtio-blk: interrupt %u: cannot use it (error %d)\n", v->irq, -e);
    if(k)
      virtio_fail(&k->virtio);
    return;                // k and its queue stay: the device may know them
  }
  snprintk(k->block.name, sizeof(k->block.name), "vd%c", 'a' + ndisks++);
  virtio_start(&k->virtio);
  block_register(&k->block);
}
