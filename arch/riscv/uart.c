// SPDX-License-Identifier: MIT
//
// The serial port: a 16550 with its FIFOs on.  Output waits in a ring that the
// transmitter's interrupt empties; input goes to the tty byte by byte.
//
// Locks: uart_lock for the registers and the ring.  A panic goes past it.

#include <machine.h>
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/vmap.h"
#include "plic.h"
#include "uart.h"

// Registers (National Semiconductor PC16550D data sheet, section 8).
enum { RBR = 0, THR = 0, IER = 1, FCR = 2, MCR = 4, LSR = 5 };
enum { IER_INPUT = 1, IER_OUTPUT = 2 };
enum { FCR_ENABLE = 1, FCR_CLEAR = 6 };
enum { MCR_DTR_RTS_OUT2 = 0xb };
enum { LSR_INPUT = 1, LSR_THR_EMPTY = 0x20 };
enum { FIFO = 16 };

enum { RING = 4096 };              // a power of two

static volatile u8 *registers;     // NULL until uart_init
static struct spinlock uart_lock = SPINLOCK_INIT("uart");
static struct waitq room = WAITQ_INIT(room);
static u8 ring[RING];
static u32 head, tail;             // put at head, sent from tail; free running

bool
uart_ready(void)
{
  return registers != NULL;
}

// Fill the transmitter's FIFO, if it is empty, from the ring.
static void
send(void)
{
  if(registers[LSR] & LSR_THR_EMPTY)
    for(u32 i = 0; i < FIFO && tail != head; i++)
      registers[THR] = ring[tail++ % RING];
  registers[IER] = IER_INPUT | (tail != head ? IER_OUTPUT : 0);
}

static void
uart_interrupt(void *arg)
{
  spin_lock(&uart_lock);
  while(registers[LSR] & LSR_INPUT){
    char c = registers[RBR];
    spin_unlock(&uart_lock);       // the tty echoes, which comes back here
    console_input(c);
    spin_lock(&uart_lock);
  }
  send();
  bool wake = head - tail <= RING / 2;
  spin_unlock(&uart_lock);
  if(wake)
    wake_all(&room);
}

// As much as fits into the ring. => bytes taken
static u64
put(const char *s, u64 n)
{
  u64 taken = min(n, (u64)(RING - (head - tail)));
  for(u64 i = 0; i < taken; i++)
    ring[head++ % RING] = s[i];
  send();
  return taken;
}

u64
uart_write(const char *s, u64 n)
{
  u64 taken = 0;
  if(registers == NULL){
    for(; taken < n; taken++)
      machine_putc(s[taken]);
    return n;
  }
  bool on = spin_lock_irq(&uart_lock);
  while((taken += put(s + taken, n - taken)) < n)
    if(wait_intr(&room, &uart_lock) != 0)
      break;
  spin_unlock_irq(&uart_lock, on);
  return taken;
}

static void
put_polled(u8 c)
{
  while(!(registers[LSR] & LSR_THR_EMPTY))
    ;
  registers[THR] = c;
}

void
uart_putc(char c)
{
  bool lock = !panicking();
  bool on = lock ? spin_lock_irq(&uart_lock) : false;
  while(tail != head)
    put_polled(ring[tail++ % RING]);
  put_polled(c);
  if(lock)
    spin_unlock_irq(&uart_lock, on);
}

void
uart_init(void)
{
  struct device d = { 0 };
  if(!machine_device("ns16550a", &d) || d.size < LSR + 1)
    return;                        // the firmware's console has to do
  volatile u8 *r = vmap_device(d.base, d.size);
  if(r == NULL || irq_register(d.irq, "uart", uart_interrupt, NULL) != 0)
    return;
  r[IER] = 0;
  r[FCR] = FCR_ENABLE | FCR_CLEAR;
  r[MCR] = MCR_DTR_RTS_OUT2;
  r[IER] = IER_INPUT;
  registers = r;
}
