// SPDX-License-Identifier: MIT
//
// A line typed at a terminal, with editing and history.  The terminal is raw for
// it alone: before the newline that answers Enter it is as it was, so what is typed
// after having seen that newline is for the program.  Bytes behind the line stay
// for whoever reads next.  The cursor is moved by \b alone, so any terminal will do.

#include "user/ulib.h"
#include "user/user.h"

enum { CTRL_A = 1, CTRL_B, CTRL_C, CTRL_D, CTRL_E, CTRL_F, CTRL_H = 8, CTRL_K = 11, CTRL_L,
       CTRL_N = 14, CTRL_P = 16, CTRL_U = 21, CTRL_W = 23, ESC = 27, DEL = 127 };
enum key { KEY_NONE = 256, KEY_UP, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END,
           KEY_DELETE, KEY_EOF };
enum { HISTORY_MAX = 500 };

// A line being edited.
struct edit {
  struct editor *editor;
  struct text *line;
  size_t cursor;               // bytes before it
  size_t recalled;             // index into the history; its size: the new line
  char *draft;                 // the new line while an old one is shown
};

bool
editor_init(struct editor *e, const char *prompt)
{
  *e = (struct editor){ .prompt = prompt };
  if(sys_ioctl(0, TCGETS, &e->cooked) < 0)
    return false;
  return true;
}

static void
make_raw(struct editor *e)
{
  struct termios raw = e->cooked;
  raw.lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
  raw.cc[VMIN] = 1;
  raw.cc[VTIME] = 0;
  sys_ioctl(0, TCSETSW, &raw);
}

static void
make_cooked(struct editor *e)
{
  sys_ioctl(0, TCSETSW, &e->cooked);
}

// ---- Showing ----

static void
show(const char *s, size_t n)
{
  write_all(1, s, n);
}

static void
show_repeated(struct text *t, char c, size_t n)
{
  while(n-- > 0)
    text_put(t, c);
}

// Print the line again from `from`, where the cursor stands on the screen;
// `erase` columns behind it are to become blank.
static void
show_tail(struct edit *e, size_t from, size_t erase)
{
  struct text t = { 0 };

  text_add(&t, e->line->s + from, e->line->n - from);
  show_repeated(&t, ' ', erase);
  show_repeated(&t, '\b', e->line->n + erase - e->cursor);
  show(t.s, t.n);
  text_free(&t);
}

static void
move_to(struct edit *e, size_t to)
{
  struct text t = { 0 };

  if(to < e->cursor)
    show_repeated(&t, '\b', e->cursor - to);
  else
    text_add(&t, e->line->s + e->cursor, to - e->cursor);
  e->cursor = to;
  if(t.n > 0)
    show(t.s, t.n);
  text_free(&t);
}

// ---- Changing ----

static void
insert(struct edit *e, char c)
{
  struct text *l = e->line;

  text_put(l, c);
  memmove(l->s + e->cursor + 1, l->s + e->cursor, l->n - 1 - e->cursor);
  l->s[e->cursor] = c;
  e->cursor++;
  show_tail(e, e->cursor - 1, 0);
}

// Remove [from, to).
static void
erase(struct edit *e, size_t from, size_t to)
{
  struct text *l = e->line;

  if(from >= to)
    return;
  move_to(e, from);
  memmove(l->s + from, l->s + to, l->n - to + 1);
  l->n -= to - from;
  show_tail(e, from, to - from);
}

static void
replace(struct edit *e, const char *s)
{
  erase(e, 0, e->line->n);
  text_add(e->line, s, strlen(s));
  e->cursor = e->line->n;
  show(e->line->s, e->line->n);
}

static size_t
word_start(const struct edit *e)
{
  size_t i = e->cursor;
  while(i > 0 && e->line->s[i - 1] == ' ')
    i--;
  while(i > 0 && e->line->s[i - 1] != ' ')
    i--;
  return i;
}

static void
recall(struct edit *e, int step)
{
  struct list *h = &e->editor->history;

  if((step < 0 && e->recalled == 0) || (step > 0 && e->recalled == h->n))
    return;
  if(e->recalled == h->n){
    free(e->draft);
    e->draft = must_copy(e->line->s);
  }
  e->recalled += step;
  replace(e, e->recalled == h->n ? e->draft : h->p[e->recalled]);
}

static void
redraw(struct edit *e)
{
  size_t cursor = e->cursor;

  show("\033[H\033[2J", 7);
  show(e->editor->prompt, strlen(e->editor->prompt));
  e->cursor = 0;
  move_to(e, e->line->n);
  move_to(e, cursor);
}

// ---- Keys ----

static int
read_byte(void)
{
  uchar c;
  return sys_read(0, &c, 1) == 1 ? c : KEY_EOF;
}

static int
letter_key(int c)
{
  switch(c){
  case 'A': return KEY_UP;
  case 'B': return KEY_DOWN;
  case 'C': return KEY_RIGHT;
  case 'D': return KEY_LEFT;
  case 'H': return KEY_HOME;
  case 'F': return KEY_END;
  default: return KEY_NONE;
  }
}

// ESC [ A or ESC O A for an arrow, ESC [ 3 ~ for the keys with numbers.
static int
escape_key(void)
{
  int c = read_byte(), number = 0;

  if(c != '[' && c != 'O')
    return c == KEY_EOF ? c : KEY_NONE;
  while((c = read_byte()) == ';' || (c >= '0' && c <= '9'))
    number = c == ';' ? 0 : number * 10 + (c - '0');
  if(c == KEY_EOF)
    return c;
  if(c != '~')
    return letter_key(c);
  switch(number){
  case 1: case 7: return KEY_HOME;
  case 3: return KEY_DELETE;
  case 4: case 8: return KEY_END;
  default: return KEY_NONE;
  }
}

static int
read_key(void)
{
  int c = read_byte();

  switch(c){
  case ESC: return escape_key();
  case CTRL_A: return KEY_HOME;
  case CTRL_E: return KEY_END;
  case CTRL_B: return KEY_LEFT;
  case CTRL_F: return KEY_RIGHT;
  case CTRL_P: return KEY_UP;
  case CTRL_N: return KEY_DOWN;
  case CTRL_H: return DEL;
  case '\r': return '\n';
  default: return c;
  }
}

static void
edit_key(struct edit *e, int key)
{
  size_t n = e->line->n;

  switch(key){
  case KEY_UP: recall(e, -1); break;
  case KEY_DOWN: recall(e, 1); break;
  case KEY_LEFT: move_to(e, e->cursor > 0 ? e->cursor - 1 : 0); break;
  case KEY_RIGHT: move_to(e, e->cursor < n ? e->cursor + 1 : n); break;
  case KEY_HOME: move_to(e, 0); break;
  case KEY_END: move_to(e, n); break;
  case KEY_DELETE: erase(e, e->cursor, e->cursor < n ? e->cursor + 1 : n); break;
  case DEL: erase(e, e->cursor > 0 ? e->cursor - 1 : 0, e->cursor); break;
  case CTRL_K: erase(e, e->cursor, n); break;
  case CTRL_U: erase(e, 0, e->cursor); break;
  case CTRL_W: erase(e, word_start(e), e->cursor); break;
  case CTRL_L: redraw(e); break;
  case '\t': insert(e, ' '); break;
  default:
    if(key >= ' ' && key < KEY_NONE)
      insert(e, key);
  }
}

static enum line_end
edit_line(struct edit *e)
{
  for(;;){
    int key = read_key();
    if(key == KEY_EOF || (key == CTRL_D && e->line->n == 0))
      return LINE_EOF;
    if(key == CTRL_D)
      key = KEY_DELETE;
    if(key == CTRL_C){
      show("^C", 2);
      return LINE_ABANDONED;
    }
    if(key == '\n'){
      move_to(e, e->line->n);
      return LINE_READ;
    }
    edit_key(e, key);
  }
}

static void
remember(struct list *h, const char *line)
{
  if(!*skip_blanks(line) || (h->n > 0 && strcmp(h->p[h->n - 1], line) == 0))
    return;
  if(h->n == HISTORY_MAX){
    free(h->p[0]);
    memmove(h->p, h->p + 1, h->n * sizeof(void *));
    h->n--;
  }
  list_add(h, must_copy(line));
}

enum line_end
editor_read(struct editor *e, struct text *line)
{
  struct edit edit = { .editor = e, .line = line, .recalled = e->history.n };

  text_clear(line);
  make_raw(e);
  show(e->prompt, strlen(e->prompt));
  enum line_end end = edit_line(&edit);
  make_cooked(e);
  if(end != LINE_EOF)
    show("\n", 1);
  if(end == LINE_READ)
    remember(&e->history, line->s);
  free(edit.draft);
  return end;
}
