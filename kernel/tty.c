// SPDX-License-Identifier: MIT
//
// The terminal as a device: /dev/console and /dev/tty on the serial port.
//
// The UART's interrupt leaves bytes in `raw`; a task of the terminal's own gives
// them to the line discipline and writes the echo, for which it may have to wait.
//
// tty->lock is taken with interrupts off and never held across a copy to or from
// user memory; tty->output, a sleep lock outside it, keeps stretches of output
// apart: those of the task that has the turn to write, and echoes.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/job.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "kernel/tty.h"
#include "mm/slab.h"
#include "uart.h"

static struct tty tty = {
  .lock = SPINLOCK_INIT("tty"), .arrived = WAITQ_INIT(tty.arrived),
  .readable = WAITQ_INIT(tty.readable), .turn = WAITQ_INIT(tty.turn),
  .output = SLEEPLOCK_INIT(tty.output, "tty output"),
  .winsize = { .rows = 24, .columns = 80 },
};

enum { STRETCH = 256 };              // bytes moved at once
enum { DECISECOND = 100000000 };     // ns, VTIME's unit

// ---- Output ----

// n bytes of s as the line wants them. => bytes of out used, at most 2 n
static u64
post_process(const char *s, u64 n, char *out)
{
  u32 flags = atomic_load(&tty.termios.oflag);
  bool crlf = (flags & OPOST) && (flags & ONLCR);
  u64 len = 0;
  for(u64 i = 0; i < n; i++){
    if(s[i] == '\n' && crlf)
      out[len++] = '\r';
    out[len++] = s[i];
  }
  return len;
}

// => all n bytes went out; else a signal came
static bool
put_out(const char *s, u64 n)
{
  char out[2 * STRETCH];
  u64 len = post_process(s, n, out);
  sleep_lock(&tty.output);
  u64 done = uart_write(out, len);
  sleep_unlock(&tty.output);
  return done == len;
}

// A write() goes out whole, whoever else writes.  The turn is handed to who has waited
// longest: else one who writes on and on would have it for ever.
static int
turn_take(u32 flags)
{
  int err = atomic_load(&tty.termios.lflag) & TOSTOP ? terminal_check(SIGTTOU) : 0;
  bool on = spin_lock_irq(&tty.lock);
  while(tty.writer != current && err == 0)
    if(tty.writer == NULL)
      tty.writer = current;
    else
      err = flags & O_NONBLOCK ? -EAGAIN : wait_intr(&tty.turn, &tty.lock);
  if(tty.writer == current)
    err = 0;                         // even if a signal came as it was handed over
  spin_unlock_irq(&tty.lock, on);
  return err;
}

static void
turn_give(void)
{
  bool on = spin_lock_irq(&tty.lock);
  spin_lock(&tty.turn.lock);
  struct list *waiters = &tty.turn.waiters;
  tty.writer = list_empty(waiters) ? NULL : list_first(waiters, struct task, wait);
  spin_unlock(&tty.turn.lock);
  wake_one(&tty.turn);
  spin_unlock_irq(&tty.lock, on);
}

static int
tty_turn(struct file *f, bool take)
{
  if(take)
    return turn_take(f->flags);
  turn_give();
  return 0;
}

static i64
write_out(va_t buf, u64 n)
{
  char some[STRETCH];
  u64 done = 0;
  while(done < n){
    u64 now = min(n - done, STRETCH);
    if(copy_from_user(some, buf + done, now))
      return done > 0 ? (i64)done : -EFAULT;
    if(!put_out(some, now))
      return done > 0 ? (i64)done : -EINTR;
    done += now;
  }
  return done;
}

static i64
tty_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  bool mine = atomic_load(&tty.writer) == current;       // of a writev
  int err = mine ? 0 : turn_take(f->flags);
  i64 done = err ? err : write_out(buf, n);
  if(!mine && err == 0)
    turn_give();
  return done;
}

// ---- From the line to the discipline ----

void
console_input(char c)
{
  bool on = spin_lock_irq(&tty.lock);
  if(tty.raw_in - tty.raw_out < TTY_RAW)
    tty.raw[tty.raw_in++ % TTY_RAW] = c;
  wake_one(&tty.arrived);
  spin_unlock_irq(&tty.lock, on);
}

static void
apply(const struct tty_effect *e)
{
  for(u32 i = 0; i < e->rubout; i++)
    put_out("\b \b", 3);
  if(e->echo_len > 0)
    put_out(e->echo, e->echo_len);
  if(e->signal)
    terminal_signal(e->signal);
  if(e->dump)
    task_dump();
}

static void
tty_task(void *unused)
{
  for(;;){
    bool on = spin_lock_irq(&tty.lock);
    while(tty.raw_out == tty.raw_in)
      wait_io(&tty.arrived, &tty.lock);
    u64 ready = tty.ready;
    struct tty_effect e = tty_line_take(&tty, tty.raw[tty.raw_out++ % TTY_RAW]);
    bool news = tty.ready != ready;
    spin_unlock_irq(&tty.lock, on);
    apply(&e);
    if(news){
      wake_all(&tty.readable);
      poll_notify(&tty.news, POLLIN);
    }
  }
}

// ---- Input ----

// Sleep until there is enough for a read of n bytes, as the settings say; lock
// held.  => 0: take what there is, maybe nothing; or -EAGAIN, -EINTR
static int
await_input(u32 flags, u64 n)
{
  u64 seen = 0, deadline = NEVER;
  for(;;){
    const struct termios *m = &tty.termios;
    bool raw = !(m->lflag & ICANON);
    u64 have = tty.ready - tty.read, least = raw ? min(m->cc[VMIN], n) : 1;
    u64 patience = raw ? m->cc[VTIME] * (u64)DECISECOND : 0;
    if(have >= max(least, 1UL) || (least == 0 && patience == 0))
      return 0;
    if(flags & O_NONBLOCK)
      return have > 0 ? 0 : -EAGAIN;
    if(patience && (have > seen || (least == 0 && deadline == NEVER))){
      seen = have;
      deadline = machine_time_ns() + patience;
    }
    int e = wait_until(&tty.readable, &tty.lock, deadline);
    if(e == -ETIMEDOUT)
      return 0;
    if(e)
      return tty.ready > tty.read && raw ? 0 : e;
  }
}

// Move up to n bytes that are ready to buf; in canonical mode not beyond the end
// of a line.  Lock held.  => bytes; *end: no more is to follow in this read
static u64
take_input(char *buf, u64 n, bool *end)
{
  const struct termios *m = &tty.termios;
  u64 len = 0;
  *end = false;
  while(tty.read < tty.ready && !*end){
    u16 c = tty.cell[tty.read % TTY_CELLS];
    if(len == n && c != CELL_EOF)
      return len;
    tty.read++;
    if(c != CELL_EOF)
      buf[len++] = c;
    *end = c == CELL_EOF || ((m->lflag & ICANON) && ends_line(m, c));
  }
  *end = *end || tty.read == tty.ready;
  return len;
}

static i64
tty_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  char some[STRETCH];
  u64 done = 0;
  bool end = false;
  int e = n > 0 ? terminal_check(SIGTTIN) : 0;
  while(done < n && !end && e == 0){
    u64 len = 0;
    bool on = spin_lock_irq(&tty.lock);
    if(done == 0)
      e = await_input(f->flags, n);
    if(e == 0)
      len = take_input(some, min(n - done, STRETCH), &end);
    spin_unlock_irq(&tty.lock, on);
    if(copy_to_user(buf + done, some, len))
      e = -EFAULT;
    else
      done += len;
  }
  return done > 0 ? (i64)done : e;
}

static u32
tty_poll(struct file *f, struct poll_wait *w)
{
  poll_add(&tty.news, w);
  bool on = spin_lock_irq(&tty.lock);
  u32 ready = POLLOUT | (tty.ready > tty.read ? POLLIN : 0);
  spin_unlock_irq(&tty.lock, on);
  return ready;
}

// ---- Settings ----

static int
set_termios(va_t arg, bool flush)
{
  struct termios m;
  int err = terminal_check(SIGTTOU);
  if(err || copy_from_user(&m, arg, sizeof m))
    return err ? err : -EFAULT;
  bool on = spin_lock_irq(&tty.lock);
  tty.termios = m;
  tty.ready = tty.edit;              // what was typed under the old rules is sent
  if(flush)
    tty_line_flush(&tty);
  spin_unlock_irq(&tty.lock, on);
  wake_all(&tty.readable);
  return 0;
}

// A setting, at most as large as the largest.
static int
give(va_t arg, const void *setting, u64 n)
{
  struct termios copy;
  bool on = spin_lock_irq(&tty.lock);
  memcpy(&copy, setting, n);
  spin_unlock_irq(&tty.lock, on);
  return copy_to_user(arg, &copy, n) ? -EFAULT : 0;
}

static int
set_winsize(va_t arg)
{
  struct winsize w;
  if(copy_from_user(&w, arg, sizeof w))
    return -EFAULT;
  bool on = spin_lock_irq(&tty.lock);
  bool changed = memcmp(&tty.winsize, &w, sizeof w) != 0;
  tty.winsize = w;
  spin_unlock_irq(&tty.lock, on);
  if(changed)
    terminal_signal(SIGWINCH);
  return 0;
}

static int
set_foreground(va_t arg)
{
  u32 pgid;
  int err = terminal_check(SIGTTOU);
  if(err)
    return err == -EIO ? -ENOTTY : err;
  return load_user_u32(&pgid, arg) ? -EFAULT : terminal_set_foreground((i32)pgid);
}

static i64
put_id(va_t arg, i64 id)
{
  return id < 0 ? id : store_user_u32(arg, (u32)id);
}

// How many bytes could be read at once; the mark of ^D is none.
static u32
bytes_ready(void)
{
  u32 n = 0;
  bool on = spin_lock_irq(&tty.lock);
  for(u64 p = tty.read; p < tty.ready; p++)
    n += tty.cell[p % TTY_CELLS] != CELL_EOF;
  spin_unlock_irq(&tty.lock, on);
  return n;
}

static int
flush(u64 what)
{
  int err = terminal_check(SIGTTOU);
  if(err || what > TCIOFLUSH)
    return err ? err : -EINVAL;
  bool on = spin_lock_irq(&tty.lock);
  if(what != TCOFLUSH)
    tty_line_flush(&tty);
  spin_unlock_irq(&tty.lock, on);
  return 0;
}

static i64
tty_ioctl(struct file *f, u64 cmd, u64 arg)
{
  switch(cmd){
  case TCGETS: return give(arg, &tty.termios, sizeof tty.termios);
  case TCSETS:
  case TCSETSW: return set_termios(arg, false);     // output is in order anyway
  case TCSETSF: return set_termios(arg, true);
  case TCFLSH: return flush(arg);
  case TIOCSCTTY: return terminal_set_session(arg == 1);
  case TIOCGPGRP: return put_id(arg, terminal_foreground());
  case TIOCSPGRP: return set_foreground(arg);
  case TIOCGSID: return put_id(arg, terminal_session());
  case TIOCGWINSZ: return give(arg, &tty.winsize, sizeof tty.winsize);
  case TIOCSWINSZ: return set_winsize(arg);
  case FIONREAD: return store_user_u32(arg, bytes_ready());
  default: return -ENOTTY;
  }
}

static const struct file_ops tty_ops = {
  .read = tty_read,
  .write = tty_write,
  .turn = tty_turn,
  .ioctl = tty_ioctl,
  .poll = tty_poll,
};

void
tty_init(void)
{
  poll_source_init(&tty.news);
  tty_line_reset(&tty);
  tty.cell = kmalloc(TTY_CELLS * sizeof *tty.cell);
  tty.raw = kmalloc(TTY_RAW);
  chardev_register(5, 1, "console", 0600, &tty_ops);
  chardev_register(5, 0, "tty", 0666, &tty_ops);
  if(tty.cell == NULL || tty.raw == NULL || kernel_task("tty", tty_task, NULL) == NULL)
    panic("no memory for the terminal");
}
