// SPDX-License-Identifier: MIT
//
// The line discipline: what typed bytes mean.  In canonical mode they form a
// line that can be edited until it is sent; else each is sent at once.
//
// Works on the terminal's memory only, under its lock; what is to be seen or
// signalled is handed back to the caller.

#include "kernel/signal.h"
#include "kernel/tty.h"

#define CONTROL(c) ((c) & 0x1f)
enum { DEL = 0x7f, CTRL_P = CONTROL('P') };

void
tty_line_reset(struct tty *t)
{
  t->termios = (struct termios){
    .iflag = ICRNL | IUTF8,
    .oflag = OPOST | ONLCR,
    .cflag = B38400 | CS8 | CREAD,
    .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .cc = {
      [VINTR] = CONTROL('C'), [VQUIT] = CONTROL('\\'), [VERASE] = DEL, [VKILL] = CONTROL('U'),
      [VEOF] = CONTROL('D'), [VMIN] = 1, [VSTART] = CONTROL('Q'), [VSTOP] = CONTROL('S'),
      [VSUSP] = CONTROL('Z'), [VREPRINT] = CONTROL('R'), [VWERASE] = CONTROL('W'),
      [VLNEXT] = CONTROL('V'),
    },
  };
}

void
tty_line_flush(struct tty *t)
{
  t->read = t->ready = t->edit;
}

// ---- Cells and columns ----

static bool
put(struct tty *t, u16 cell)
{
  if(t->edit - t->read == TTY_CELLS)
    return false;
  t->cell[t->edit++ % TTY_CELLS] = cell;
  return true;
}

static u16 last(const struct tty *t) { return t->cell[(t->edit - 1) % TTY_CELLS]; }
static bool is_control(u16 c) { return c < ' ' || c == DEL; }
static bool is_continuation(u16 c) { return (c & 0xc0) == 0x80; }   // of a UTF-8 character

static void
echo(struct tty *t, struct tty_effect *e, u8 c)
{
  u32 flags = t->termios.lflag;
  if(!(flags & ECHO) && !(c == '\n' && (flags & ECHONL) && (flags & ICANON)))
    return;
  if(is_control(c) && c != '\n' && c != '\t' && (flags & ECHOCTL)){
    e->echo[e->echo_len++] = '^';
    c ^= 0x40;
  }
  e->echo[e->echo_len++] = c == '\t' ? ' ' : c;    // one column: it can be rubbed out
}

// Take the last character of the line being typed away. => its columns
static u32
erase(struct tty *t)
{
  if(t->edit == t->ready)
    return 0;
  while((t->termios.iflag & IUTF8) && is_continuation(last(t)) && t->edit - t->ready > 1)
    t->edit--;
  u16 c = last(t);
  t->edit--;
  if(!(t->termios.lflag & ECHO))
    return 0;
  return is_control(c) && c != '\t' && (t->termios.lflag & ECHOCTL) ? 2 : 1;
}

static u32
erase_word(struct tty *t)
{
  u32 columns = 0;
  while(t->edit > t->ready && (last(t) == ' ' || last(t) == '\t'))
    columns += erase(t);
  while(t->edit > t->ready && last(t) != ' ' && last(t) != '\t')
    columns += erase(t);
  return columns;
}

static u32
erase_line(struct tty *t)
{
  u32 columns = 0;
  while(t->edit > t->ready)
    columns += erase(t);
  return columns;
}

// ---- What a byte means ----

static void
send(struct tty *t)
{
  t->ready = t->edit;
}

static void
add(struct tty *t, struct tty_effect *e, u8 c)
{
  // The last cell of a full line is kept for its end.
  if(t->edit - t->read < TTY_CELLS - 1 && put(t, c))
    echo(t, e, c);
}

static int
signal_of(const struct termios *m, u8 c)
{
  if(!(m->lflag & ISIG) || c == 0)
    return 0;
  return c == m->cc[VINTR] ? SIGINT : c == m->cc[VQUIT] ? SIGQUIT : c == m->cc[VSUSP] ? SIGTSTP : 0;
}

// => was c an order to edit the line?
static bool
take_edit(struct tty *t, struct tty_effect *e, u8 c)
{
  const u8 *cc = t->termios.cc;
  if(c == 0)
    return false;
  if(c == cc[VERASE] || c == '\b')
    e->rubout = erase(t);
  else if(c == cc[VKILL])
    e->rubout = erase_line(t);
  else if(c == cc[VWERASE])
    e->rubout = erase_word(t);
  else if(c == cc[VLNEXT])
    t->literal = true;
  else
    return false;
  return true;
}

static void
take_canonical(struct tty *t, struct tty_effect *e, u8 c)
{
  const u8 *cc = t->termios.cc;
  if(take_edit(t, e, c))
    return;
  if(c == cc[VEOF] && c){
    put(t, CELL_EOF);
    send(t);
  } else if(ends_line(&t->termios, c)){
    if(put(t, c))
      echo(t, e, c);
    send(t);
  } else {
    add(t, e, c);
  }
}

struct tty_effect
tty_line_take(struct tty *t, u8 c)
{
  struct tty_effect e = { 0 };
  const struct termios *m = &t->termios;
  bool literal = t->literal;
  t->literal = false;
  if(c == '\r' && (m->iflag & IGNCR))
    return e;
  if(c == '\r' && (m->iflag & ICRNL))
    c = '\n';
  else if(c == '\n' && (m->iflag & INLCR))
    c = '\r';
  if(!literal && (e.signal = signal_of(m, c))){
    if(!(m->lflag & NOFLSH))
      tty_line_flush(t);
    echo(t, &e, c);
  } else if(!literal && c == CTRL_P && (m->lflag & ISIG)){
    e.dump = true;
  } else if(!literal && (m->lflag & ICANON)){
    take_canonical(t, &e, c);
  } else {
    add(t, &e, c);
    if(!(m->lflag & ICANON))
      send(t);
  }
  return e;
}
