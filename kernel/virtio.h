// SPDX-License-Identifier: MIT
//
// virtio 1.2 over memory-mapped registers: the split virtqueue (section 2.7) and
// the transport that virtio_mmio.c drives.

#pragma once

#include "kernel/types.h"

// Device ids (section 5).
enum { VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3 };

// Feature bits that belong to no device type (section 6).
#define VIRTIO_F_VERSION_1 (1UL << 32)

// A descriptor (2.7.5): one piece of memory of a chain.
struct virtq_desc {
  u64 addr;
  u32 len;
  u16 flags;
  u16 next;
};
enum { DESC_NEXT = 1, DESC_WRITE = 2 };    // WRITE: the device writes it

// What the driver offers (2.7.6).
struct virtq_avail {
  u16 flags;
  u16 idx;
  u16 ring[];
};

// What the device has done with (2.7.8).
struct virtq_used_elem { u32 id, len; };
struct virtq_used {
  u16 flags;
  u16 idx;
  struct virtq_used_elem ring[];
};

enum { VIRTQ_MAX = 1024 };                 // entries we care to have

struct virtq {
  u32 index;                               // of the device's queues
  u32 size;                                // a power of two
  struct virtq_desc *desc;
  struct virtq_avail *avail;
  struct virtq_used *used;
  u64 bytes;                               // of the three
  u16 seen;                                // used entries taken so far
};

struct virtio {
  volatile u32 *regs;
  u32 irq;
  u32 version;                             // 1 legacy, 2 modern
  u32 type;                                // a device id
  u64 features;                            // agreed on
};

// The driver of a type: *v is copied if it takes the device.
void virtio_blk_attach(const struct virtio *v);
void virtio_console_attach(const struct virtio *v);

// Reset, then agree on what the device offers of `wanted`.  => 0 or -ENODEV
int virtio_negotiate(struct virtio *v, u64 wanted);

// Set up queue q->index, all zero, in q's memory; gets it some if there is none.
// => 0, -ENODEV (no such queue), -ENOMEM
int virtio_queue(struct virtio *v, struct virtq *q);

void virtio_reset(struct virtio *v);                     // it touches no memory any more
bool virtio_broken(struct virtio *v);                    // it wants to be reset
void virtio_start(struct virtio *v);                     // everything is set up: go
void virtio_fail(struct virtio *v);                      // give the device up
void virtio_notify(struct virtio *v, const struct virtq *q);   // it has new entries
u32 virtio_acknowledge(struct virtio *v);                // in its interrupt. => causes
u32 virtio_config32(struct virtio *v, u32 offset);       // device configuration
u64 virtio_config64(struct virtio *v, u32 offset);       // => not torn

// Offer the chain that begins at descriptor `head`; the device sees it at once,
// but may want virtio_notify.
void virtq_offer(struct virtq *q, u16 head);

// The next finished chain, by its head, and how many bytes the device has written to it.
// => false: none;  *done is the device's word, unchecked
bool virtq_take(struct virtq *q, struct virtq_used_elem *done);
