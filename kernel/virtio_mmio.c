// SPDX-License-Identifier: MIT
//
// The virtio transport over memory-mapped registers (virtio 1.2, section 4.2),
// modern and, for QEMU's default, legacy (4.2.4).  Finds devices in the machine's
// slots and sets up their queue; what they do is the driver's affair.

#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/virtio.h"
#include "mm/frame.h"
#include "mm/vmap.h"
#include <machine.h>

// Register numbers, in words (4.2.2).
enum {
  MAGIC = 0x000 / 4, VERSION = 0x004 / 4, DEVICE_ID = 0x008 / 4,
  DEVICE_FEATURES = 0x010 / 4, DEVICE_FEATURES_SEL = 0x014 / 4,
  DRIVER_FEATURES = 0x020 / 4, DRIVER_FEATURES_SEL = 0x024 / 4,
  GUEST_PAGE_SIZE = 0x028 / 4,                       // legacy
  QUEUE_SEL = 0x030 / 4, QUEUE_NUM_MAX = 0x034 / 4, QUEUE_NUM = 0x038 / 4,
  QUEUE_ALIGN = 0x03c / 4, QUEUE_PFN = 0x040 / 4,    // legacy
  QUEUE_READY = 0x044 / 4, QUEUE_NOTIFY = 0x050 / 4,
  INTERRUPT_STATUS = 0x060 / 4, INTERRUPT_ACK = 0x064 / 4, STATUS = 0x070 / 4,
  QUEUE_DESC = 0x080 / 4, QUEUE_DRIVER = 0x090 / 4, QUEUE_DEVICE = 0x0a0 / 4,
  CONFIG_GENERATION = 0x0fc / 4, CONFIG = 0x100 / 4,
};

enum { MAGIC_VALUE = 0x74726976 };                   // "virt"

// Status bits (2.1).
enum {
  ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, FAILED = 128,
};

// Map a slot's registers and see what is plugged into it.
static bool
slot_open(const struct device *d, struct virtio *v)
{
  v->regs = vmap_device(d->base, d->size);
  if(!v->regs || v->regs[MAGIC] != MAGIC_VALUE)
    return false;
  v->irq = d->irq;
  v->version = v->regs[VERSION];
  v->type = v->regs[DEVICE_ID];
  return v->version == 1 || v->version == 2;
}

void
virtio_init(void)
{
  struct device d = { 0 };
  struct virtio v;
  while(machine_device("virtio,mmio", &d)){
    if(!slot_open(&d, &v))
      continue;
    if(v.type == VIRTIO_BLOCK)
      virtio_blk_attach(&v);
    else if(v.type == VIRTIO_CONSOLE)
      virtio_console_attach(&v);
  }
}

static void
status_add(struct virtio *v, u32 bits)
{
  v->regs[STATUS] = v->regs[STATUS] | bits;
}

void
virtio_reset(struct virtio *v)
{
  v->regs[STATUS] = 0;
}

bool
virtio_broken(struct virtio *v)
{
  return v->regs[STATUS] & NEEDS_RESET;
}

// Device initialisation, steps 1 to 6 (3.1.1).
int
virtio_negotiate(struct virtio *v, u64 wanted)
{
  virtio_reset(v);
  status_add(v, ACKNOWLEDGE);
  status_add(v, DRIVER);

  if(v->version == 2)
    wanted |= VIRTIO_F_VERSION_1;
  v->features = 0;
  for(u32 half = 0; half < v->version; half++){
    v->regs[DEVICE_FEATURES_SEL] = half;
    u32 chosen = v->regs[DEVICE_FEATURES] & (u32)(wanted >> (32 * half));
    v->regs[DRIVER_FEATURES_SEL] = half;
    v->regs[DRIVER_FEATURES] = chosen;
    v->features |= (u64)chosen << (32 * half);
  }
  if(v->version == 1)
    return 0;
  status_add(v, FEATURES_OK);
  return v->regs[STATUS] & FEATURES_OK && v->features & VIRTIO_F_VERSION_1 ? 0 : -ENODEV;
}

void
virtio_start(struct virtio *v)
{
  status_add(v, DRIVER_OK);
}

void
virtio_fail(struct virtio *v)
{
  status_add(v, FAILED);
}

static void
set_address(struct virtio *v, u32 reg, const void *kva)
{
  v->regs[reg] = (u32)kva_pa(kva);
  v->regs[reg + 1] = (u32)(kva_pa(kva) >> 32);
}

// Lay the three parts out as legacy devices want them (2.7.2): descriptors and
// what is offered, then on a page of its own what is used.
static int
queue_memory(struct virtq *q)
{
  u64 used_at = page_up(q->size * sizeof(struct virtq_desc) + 6 + 2 * q->size);
  q->bytes = page_up(used_at + 6 + q->size * sizeof(struct virtq_used_elem));
  u32 order = 0;
  while((PAGE_SIZE << order) < q->bytes)
    order++;
  struct frame *f = frames_alloc(order, KIND_KERNEL, 0);
  if(!f)
    return -ENOMEM;
  char *base = frame_kva(f);
  q->desc = (struct virtq_desc *)base;
  q->avail = (struct virtq_avail *)(q->desc + q->size);
  q->used = (struct virtq_used *)(base + used_at);
  return 0;
}

// Virtqueue configuration (4.2.3.2, legacy 4.2.4).
int
virtio_queue(struct virtio *v, struct virtq *q)
{
  v->regs[QUEUE_SEL] = q->index;
  u32 size = min(v->regs[QUEUE_NUM_MAX], (u32)VIRTQ_MAX);
  if(size == 0 || size & (size - 1) || (q->desc && size != q->size))
    return -ENODEV;
  q->size = size;
  int e = q->desc ? 0 : queue_memory(q);
  if(e)
    return e;
  memset(q->desc, 0, q->bytes);
  q->seen = 0;
  v->regs[QUEUE_NUM] = q->size;
  if(v->version == 1){
    v->regs[GUEST_PAGE_SIZE] = PAGE_SIZE;
    v->regs[QUEUE_ALIGN] = PAGE_SIZE;
    v->regs[QUEUE_PFN] = kva_pa(q->desc) >> PAGE_SHIFT;
    return 0;
  }
  set_address(v, QUEUE_DESC, q->desc);
  set_address(v, QUEUE_DRIVER, q->avail);
  set_address(v, QUEUE_DEVICE, q->used);
  v->regs[QUEUE_READY] = 1;
  return 0;
}

void
virtio_notify(struct virtio *v, const struct virtq *q)
{
  atomic_fence();
  v->regs[QUEUE_NOTIFY] = q->index;
}

u32
virtio_acknowledge(struct virtio *v)
{
  u32 causes = v->regs[INTERRUPT_STATUS];
  v->regs[INTERRUPT_ACK] = causes;
  return causes;
}

u32
virtio_config32(struct virtio *v, u32 offset)
{
  return v->regs[CONFIG + offset / 4];
}

// Two halves of one moment: modern devices tell (4.2.2, ConfigGeneration).
u64
virtio_config64(struct virtio *v, u32 offset)
{
  u64 value;
  u32 before;
  do {
    before = v->version == 1 ? 0 : v->regs[CONFIG_GENERATION];
    value = virtio_config32(v, offset) | (u64)virtio_config32(v, offset + 4) << 32;
  } while(v->version != 1 && v->regs[CONFIG_GENERATION] != before);
  return value;
}

void
virtq_offer(struct virtq *q, u16 head)
{
  q->avail->ring[q->avail->idx % q->size] = head;
  atomic_store_rel(&q->avail->idx, (u16)(q->avail->idx + 1));
}

bool
virtq_take(struct virtq *q, struct virtq_used_elem *done)
{
  if(atomic_load_acq(&q->used->idx) == q->seen)
    return false;
  *done = q->used->ring[q->seen % q->size];
  q->seen++;
  return true;
}
