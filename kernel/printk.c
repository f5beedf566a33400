// SPDX-License-Identifier: MIT
//
// Kernel messages: a time stamp before each line, into the ring that dmesg reads
// and onto the console, polled, so that nothing is lost when the machine stops.
//
// Locks: printk_lock, below everything; a panic goes past it.

#include <machine.h>
#include "kernel/bootargs.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/slab.h"

enum { MESSAGE_MAX = 512, RING_MIN = 16 * KiB, RING_MAX = 256 * KiB };

static struct spinlock printk_lock = SPINLOCK_INIT("printk");
static char first_ring[4 * KiB];   // until there is an allocator
static char *ring = first_ring;
static u64 ring_size = sizeof first_ring;
static u64 written;                // bytes ever put into the ring
static bool line_open;             // the last byte was no newline
static enum { UNDECIDED, LOUD, QUIET } console;

// `quiet` keeps messages off the console, but not a panic's.
static bool
on_console(void)
{
  u32 len;
  if(console == UNDECIDED && machine.bootargs)
    console = bootarg("quiet", &len) ? QUIET : LOUD;
  return console != QUIET || panicking();
}

static void
put(char c)
{
  ring[written++ % ring_size] = c;
  if(!on_console())
    return;
  if(c == '\n')
    machine_putc('\r');
  machine_putc(c);
}

static void
put_time(void)
{
  char stamp[32];
  u64 us = machine_time_ns() / 1000;
  snprintk(stamp, sizeof stamp, "[%5lu.%06lu] ", us / 1000000, us % 1000000);
  for(char *s = stamp; *s; s++)
    put(*s);
}

static void
put_message(const char *s)
{
  for(; *s; s++){
    if(!line_open && *s != '\n')
      put_time();
    put(*s);
    line_open = *s != '\n';
  }
}

void
printk(const char *fmt, ...)
{
  char message[MESSAGE_MAX];       // what is longer is cut
  va_list ap;
  va_start(ap, fmt);
  vsnprintk(message, sizeof message, fmt, ap);
  va_end(ap);

  bool lock = !panicking();
  bool on = lock ? spin_lock_irq(&printk_lock) : false;
  put_message(message);
  if(lock)
    spin_unlock_irq(&printk_lock, on);
}

// A thousandth of memory; without it the first ring goes on.
void
printk_init(void)
{
  u64 size = RING_MIN;
  while(size < RING_MAX && size < frames_total() * PAGE_SIZE / 1024)
    size *= 2;
  char *new = kmalloc(size);
  if(new == NULL)
    return;
  bool on = spin_lock_irq(&printk_lock);
  for(u64 pos = written - min(written, ring_size); pos < written; pos++)
    new[pos % size] = ring[pos % ring_size];
  ring = new;
  ring_size = size;
  spin_unlock_irq(&printk_lock, on);
}

u64
dmesg_read(u64 *pos, char *buf, u64 n)
{
  u64 got = 0;
  bool on = spin_lock_irq(&printk_lock);
  if(written > ring_size && *pos < written - ring_size){
    *pos = written - ring_size;        // and on to the start of a whole line
    while(*pos < written && ring[*pos % ring_size] != '\n')
      ++*pos;
    *pos += *pos < written;
  }
  for(; got < n && *pos < written; got++, ++*pos)
    buf[got] = ring[*pos % ring_size];
  spin_unlock_irq(&printk_lock, on);
  return got;
}
