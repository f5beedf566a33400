// SPDX-License-Identifier: MIT
//
// virtio console devices (virtio 1.2, section 5.3): the first port of each that is not the
// console's, as /dev/vport0p1, vport1p1 ..., bytes to and from what the host has put at its
// other end.  As in Linux one program has it open at a time, a read finds the end of the
// file and a write waits while nobody is there, and poll tells (POLLHUP).
//
// Lock: port.lock (interrupts off): all of it; user copies below it with faults off.

#include "fs/stat.h"
#include "fs/vfs.h"
#include "kernel/chardev.h"
#include "kernel/errno.h"
#include "kernel/poll.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/virtio.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include <machine.h>

#define CONSOLE_F_MULTIPORT (1UL << 1)

// Queues (5.3.2): control messages, and port 1.
enum { HEAR = 2, TELL = 3, IN = 4, OUT = 5, QUEUES = 4 };

// Control messages (5.3.6.2).
struct control { u32 port; u16 event, value; };
enum { DEVICE_READY = 0, DEVICE_ADD = 1, DEVICE_REMOVE = 2, PORT_READY = 3, PORT_OPEN = 6 };

enum {
  PORTS_MAJOR = 241, PORT = 1, BUFFERS = 16, OUT_ORDER = 2, OUT_BYTES = PAGE_SIZE << OUT_ORDER,
  HEAR_BYTES = PAGE_SIZE / BUFFERS, TELL_MAX = PAGE_SIZE / sizeof(struct control),
};

struct port {
  struct list link;                // ports
  struct virtio virtio;
  u32 minor;
  char name[16];

  struct spinlock lock;            // below
  struct virtq queue[QUEUES];
  char *heard, *out, *in[BUFFERS]; // of descriptor k: k of these; of `heard`, HEAR_BYTES
  struct control *told;
  u32 reading, len, taken;         // a buffer of input, and how much of it is read
  bool held;                       // there is one
  bool busy;                       // `out` is the device's
  bool open, there;                // our end; the host's
  struct waitq news;
  struct poll_source polled;
};

static struct list ports = LIST_INIT(ports);

// ---- Queues; p->lock held ----

static struct virtq *
queue(struct port *p, u32 index)
{
  return &p->queue[index - HEAR];
}

static void
offer(struct port *p, u32 index, u32 desc, void *mem, u32 len, u16 flags)
{
  queue(p, index)->desc[desc] = (struct virtq_desc){ kva_pa(mem), len, flags, 0 };
  virtq_offer(queue(p, index), (u16)desc);
}

// A device that does not take what it is told is told no more.
static void
tell(struct port *p, u32 port, u16 event, u16 value)
{
  struct virtq *q = queue(p, TELL);
  u32 most = min(q->size, (u32)TELL_MAX), i = q->avail->idx % most;
  struct virtq_used_elem done;
  while(virtq_take(q, &done))
    ;
  if((u16)(q->avail->idx - q->seen) >= most)
    return;
  p->told[i] = (struct control){ port, event, value };
  offer(p, TELL, i, &p->told[i], sizeof p->told[i], 0);
  virtio_notify(&p->virtio, q);
}

static void
offer_input(struct port *p, u32 i)
{
  offer(p, IN, i, p->in[i], PAGE_SIZE, DESC_WRITE);
  virtio_notify(&p->virtio, queue(p, IN));
}

// => bytes that can be read at once, in the buffer that is being read
static u32
input(struct port *p)
{
  struct virtq_used_elem done;
  while(p->taken == p->len){
    if(p->held)
      offer_input(p, p->reading);
    p->held = virtq_take(queue(p, IN), &done) && done.id < BUFFERS;
    p->taken = p->len = 0;
    if(!p->held)
      break;
    p->reading = done.id;
    p->len = min(done.len, (u32)PAGE_SIZE);
  }
  return p->len - p->taken;
}

static bool
can_write(struct port *p)
{
  struct virtq_used_elem done;
  if(p->busy && virtq_take(queue(p, OUT), &done))
    p->busy = false;
  return p->there && !p->busy;
}

// Agree with the device from the start; it has none of our memory then.
static int
begin(struct port *p)
{
  struct virtio *v = &p->virtio;
  int e = virtio_negotiate(v, CONSOLE_F_MULTIPORT);
  if(e == 0 && !(v->features & CONSOLE_F_MULTIPORT))
    e = -ENODEV;
  for(u32 k = HEAR; k <= OUT && e == 0; k++){
    queue(p, k)->index = k;
    e = virtio_queue(v, queue(p, k));
    if(e == 0 && queue(p, k)->size < BUFFERS)
      e = -ENODEV;
  }
  p->busy = p->held = p->there = false;
  p->len = p->taken = 0;
  return e;
}

static void
start(struct port *p)
{
  virtio_start(&p->virtio);
  for(u32 i = 0; i < BUFFERS; i++){
    offer(p, HEAR, i, p->heard + i * HEAR_BYTES, HEAR_BYTES, DESC_WRITE);
    offer_input(p, i);
  }
  virtio_notify(&p->virtio, queue(p, HEAR));
  tell(p, 0, DEVICE_READY, 1);
}

static void
renew(struct port *p)
{
  if(begin(p) == 0)
    start(p);
  else
    virtio_fail(&p->virtio);
}

// What was on its way when the host's end closed may never come back: QEMU forgets it.
// => false: because of that the device is to be reset
static bool
hear(struct port *p, const struct control *c)
{
  if(c->event == DEVICE_ADD){
    tell(p, c->port, PORT_READY, c->port == PORT);
    if(c->port == PORT && p->open)
      tell(p, PORT, PORT_OPEN, 1);
  } else if(c->port == PORT && (c->event == PORT_OPEN || c->event == DEVICE_REMOVE)){
    p->there = c->event == PORT_OPEN && c->value;
    return !p->there || can_write(p);
  }
  return true;
}

static void
interrupt(void *arg)
{
  struct port *p = arg;
  struct virtq_used_elem done;
  bool good = true;
  virtio_acknowledge(&p->virtio);
  bool on = spin_lock_irq(&p->lock);
  while(good && virtq_take(queue(p, HEAR), &done)){
    char *c = p->heard + done.id % BUFFERS * HEAR_BYTES;
    good = hear(p, (struct control *)c);
    offer(p, HEAR, done.id % BUFFERS, c, HEAR_BYTES, DESC_WRITE);
  }
  if(unlikely(!good || virtio_broken(&p->virtio)))
    renew(p);
  spin_unlock_irq(&p->lock, on);
  wake_all(&p->news);
  poll_notify(&p->polled, POLLIN | POLLOUT | POLLHUP);
}

// ---- Files ----

static int
port_open(struct file *f)
{
  struct port *p;
  list_for(p, &ports, link)
    if(p->minor == dev_minor(f->inode->rdev))
      break;
  bool on = spin_lock_irq(&p->lock);
  int err = p->open ? -EBUSY : 0;
  if(err == 0){
    while(input(p) > 0)
      p->taken = p->len;               // it was for who had it open before
    p->open = true;
    tell(p, PORT, PORT_OPEN, 1);
    virtio_notify(&p->virtio, queue(p, IN));   // or the host may not look what it has for us
    f->priv = p;
  }
  spin_unlock_irq(&p->lock, on);
  return err;
}

static void
port_release(struct file *f)
{
  struct port *p = f->priv;
  bool on = spin_lock_irq(&p->lock);
  p->open = false;
  tell(p, PORT, PORT_OPEN, 0);
  spin_unlock_irq(&p->lock, on);
}

static int
await_news(struct port *p, u32 flags)
{
  return flags & O_NONBLOCK ? -EAGAIN : wait_intr(&p->news, &p->lock);
}

// => bytes, 0: the end or once more, see *n; or -errno
static i64
read_some(struct port *p, u32 flags, va_t buf, u64 *n)
{
  int err = 0;
  bool on = spin_lock_irq(&p->lock);
  while(input(p) == 0 && p->there && err == 0)
    err = await_news(p, flags);
  *n = min(*n, (u64)input(p));
  current->faults_off++;
  u64 got = *n ? *n - copy_to_user(buf, p->in[p->reading] + p->taken, *n) : 0;
  current->faults_off--;
  p->taken += (u32)got;
  spin_unlock_irq(&p->lock, on);
  return got ? (i64)got : err;
}

static i64
port_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  i64 r = 0;
  for(u64 len = n; len > 0 && r == 0;){
    len = n;
    r = read_some(f->priv, f->flags, buf, &len);
    if(r == 0 && len > 0 && (r = object_fault_in(buf, len, true)) != 0)
      return r;
  }
  return r;
}

static i64
write_some(struct port *p, u32 flags, va_t buf, u64 n)
{
  i64 r = 0;
  bool on = spin_lock_irq(&p->lock);
  while(!can_write(p) && r == 0)
    r = await_news(p, flags);
  if(r == 0){
    current->faults_off++;
    r = (i64)(n - copy_from_user(p->out, buf, n));
    current->faults_off--;
  }
  if(r > 0){
    p->busy = true;
    offer(p, OUT, 0, p->out, (u32)r, 0);
    virtio_notify(&p->virtio, queue(p, OUT));
  }
  spin_unlock_irq(&p->lock, on);
  return r ? r : object_fault_in(buf, n, false);
}

static i64
port_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u64 done = 0;
  i64 r = 0;
  while(done < n && r >= 0){
    r = write_some(f->priv, f->flags, buf + done, min(n - done, (u64)OUT_BYTES));
    if(r > 0)
      done += (u64)r;
  }
  return done > 0 ? (i64)done : r;
}

static u32
port_poll(struct file *f, struct poll_wait *w)
{
  struct port *p = f->priv;
  poll_add(&p->polled, w);
  bool on = spin_lock_irq(&p->lock);
  u32 ready = (input(p) > 0 || !p->there ? POLLIN : 0) | (can_write(p) ? POLLOUT : 0) |
              (p->there ? 0 : POLLHUP);
  spin_unlock_irq(&p->lock, on);
  return ready;
}

static const struct file_ops port_ops = {
  .open = port_open, .read = port_read, .write = port_write, .poll = port_poll,
  .release = port_release,
};

// ---- At boot ----

static void *
buffer(u32 order)
{
  struct frame *f = frames_alloc(order, KIND_KERNEL, 0);
  return f ? frame_kva(f) : NULL;
}

static int
make_buffers(struct port *p)
{
  bool all = (p->heard = buffer(0)) && (p->told = buffer(0)) && (p->out = buffer(OUT_ORDER));
  for(u32 i = 0; i < BUFFERS && all; i++)
    all = (p->in[i] = buffer(0)) != NULL;
  return all ? 0 : -ENOMEM;
}

static int
set_up(struct port *p)
{
  int e = begin(p);
  if(e == 0)
    e = make_buffers(p);
  return e ? e : irq_register(p->virtio.irq, p->name, interrupt, p);
}

void
virtio_console_attach(const struct virtio *v)
{
  static u32 nports;
  struct port *p = kzalloc(sizeof *p);
  int e = -ENOMEM;
  if(p){
    p->virtio = *v;
    p->minor = nports;
    snprintk(p->name, sizeof p->name, "vport%up%u", nports, PORT);
    spin_init(&p->lock, "virtio-console");
    waitq_init(&p->news);
    poll_source_init(&p->polled);
    e = set_up(p);
  }
  if(e){
    printk("virtio-console: interrupt %u: cannot use it (error %d)\n", v->irq, -e);
    if(p)
      virtio_fail(&p->virtio);
    return;                // p and its queues stay: the device may know them
  }
  nports++;
  list_append(&ports, &p->link);
  chardev_register(PORTS_MAJOR, p->minor, p->name, 0600, &port_ops);
  bool on = spin_lock_irq(&p->lock);
  start(p);
  spin_unlock_irq(&p->lock, on);
}
