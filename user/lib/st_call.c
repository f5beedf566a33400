// SPDX-License-Identifier: MIT
//
// strace: a call as a line of text, in strace's own manner.

#include "user/strace.h"

size_t call_bytes_shown = 32;

// ---- Bytes ----

static void
show_byte(struct text *t, unsigned char c, unsigned char next)
{
  static const char codes[] = "\n\t\r\v\f\"\\", letters[] = "ntrvf\"\\";
  const char *code = c ? strchr(codes, c) : NULL;

  if(code)
    text_format(t, "\\%c", letters[code - codes]);
  else if(c >= ' ' && c < 127)
    text_put(t, c);
  else
    text_format(t, next >= '0' && next <= '9' ? "\\%03o" : "\\%o", c);
}

static void
show_bytes(struct text *t, const unsigned char *s, size_t n, size_t most, bool all)
{
  text_put(t, '"');
  for(size_t i = 0; i < n && i < most; i++)
    show_byte(t, s[i], i + 1 < n && i + 1 < most ? s[i + 1] : 0);
  text_format(t, all && n <= most ? "\"" : "\"...");
}

static void
show_hex(struct text *t, const unsigned char *s, size_t n)
{
  text_put(t, '"');
  for(size_t i = 0; i < n && i < call_bytes_shown; i++)
    text_format(t, "\\x%02x", s[i]);
  text_format(t, n <= call_bytes_shown ? "\"" : "\"...");
}

static size_t
string_length(const struct pointee *p, size_t from)
{
  size_t n = from;

  while(n < p->n && p->bytes[n])
    n++;
  return n - from;
}

static void
show_strings(struct text *t, const struct pointee *p)
{
  const char *between = "";

  text_put(t, '[');
  for(size_t at = 0, n; at < p->n && (p->bytes[at] || p->n > at + 1); at += n + 1){
    n = string_length(p, at);
    text_format(t, "%s", between);
    show_bytes(t, p->bytes + at, n, CALL_DATA, at + n < p->n);
    between = ", ";
  }
  text_put(t, ']');
}

// ---- Structures ----

static void
show_mode(struct text *t, uint mode)
{
  static const char *const types[16] = {
    [1] = "S_IFIFO", [2] = "S_IFCHR", [4] = "S_IFDIR", [6] = "S_IFBLK", [8] = "S_IFREG",
    [10] = "S_IFLNK", [12] = "S_IFSOCK",
  };
  const char *type = types[mode >> 12 & 15];

  text_format(t, "%s%s%s%s|0%o", type ? type : "0", mode & 04000 ? "|S_ISUID" : "",
              mode & 02000 ? "|S_ISGID" : "", mode & 01000 ? "|S_ISVTX" : "", mode & 0777);
}

static void
show_stat(struct text *t, const unsigned char *b)
{
  uint mode = *(uint *)(b + 16), type = mode & 0170000;
  uint64 device = *(uint64 *)(b + 32);

  text_format(t, "{st_mode=");
  show_mode(t, mode);
  if(type == 0020000 || type == 0060000)
    text_format(t, ", st_rdev=makedev(0x%lx, 0x%lx), ...}", device >> 8 & 0xfff,
                (device & 0xff) | (device >> 12 & ~0xffUL));
  else
    text_format(t, ", st_size=%ld, ...}", *(long *)(b + 48));
}

static void
show_status(struct text *t, int status)
{
  if((status & 0x7f) == 0)
    text_format(t, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", status >> 8 & 0xff);
  else if(status == 0xffff)
    text_format(t, "[{WIFCONTINUED(s)}]");
  else if((status & 0xff) == 0x7f)
    text_format(t, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]", name_signal(status >> 8 & 0xff));
  else
    text_format(t, "[{WIFSIGNALED(s) && WTERMSIG(s) == %s}]", name_signal(status & 0x7f));
}

static void
show_limit(struct text *t, const char *name, uint64 n)
{
  if(n == ~0UL)
    text_format(t, "%s=RLIM64_INFINITY", name);
  else if(n > 1024 && n % 1024 == 0)
    text_format(t, "%s=%lu*1024", name, n / 1024);
  else
    text_format(t, "%s=%lu", name, n);
}

static void
show_action(struct text *t, const uint64 *a)
{
  text_format(t, "{sa_handler=");
  if(a[0] <= 1)
    text_format(t, a[0] ? "SIG_IGN" : "SIG_DFL");
  else
    text_format(t, "0x%lx", a[0]);
  text_format(t, ", sa_mask=");
  show_signals(t, a[2]);
  text_format(t, ", sa_flags=");
  show_named(t, '@', a[1]);
  text_put(t, '}');
}

// As asked for, or of those that have news what news.
static void
show_polls(struct text *t, const struct pointee *p, uint64 n, bool news)
{
  const struct { int fd; short events, revents; } *f = (void *)p->bytes;
  const char *between = "";

  text_put(t, '[');
  for(size_t i = 0; i < n; i++){
    if(news && f[i].revents == 0)
      continue;
    text_format(t, "%s", between);
    between = ", ";
    if((i + 1) * sizeof *f > p->n){
      text_format(t, "...");
      break;
    }
    text_format(t, news ? "{fd=%d, revents=" : "{fd=%d, events=", f[i].fd);
    show_named(t, ',', (unsigned short)(news ? f[i].revents : f[i].events));
    text_put(t, '}');
  }
  text_put(t, ']');
}

static void
show_event(struct text *t, const long *e)
{
  text_format(t, "{events=");
  show_named(t, '/', (uint)e[0]);
  text_format(t, ", data={u32=%u, u64=%lu}}", (uint)e[1], e[1]);
}

static void
show_events(struct text *t, const struct pointee *p, uint64 n)
{
  const long (*e)[2] = (void *)p->bytes;

  text_put(t, '[');
  for(size_t i = 0; i < n && (i + 1) * sizeof *e <= p->n; i++){
    text_format(t, i ? ", " : "");
    show_event(t, e[i]);
  }
  text_format(t, n * sizeof *e > p->n ? ", ...]" : "]");
}

static void
show_vector(struct text *t, const struct pointee *p, uint64 n)
{
  const struct { uint64 base, len; } *v = (void *)p->bytes;

  text_put(t, '[');
  for(size_t i = 0; i < n; i++)
    if((i + 1) * sizeof *v > p->n){
      text_format(t, ", ...");
      break;
    } else {
      text_format(t, "%s{iov_base=0x%lx, iov_len=%lu}", i ? ", " : "", v[i].base, v[i].len);
    }
  text_put(t, ']');
}

static void
show_clone3(struct text *t, const uint64 *a)
{
  text_format(t, "{flags=");
  show_named(t, 'C', a[0]);
  if(a[2])
    text_format(t, ", child_tid=0x%lx", a[2]);
  if(a[3])
    text_format(t, ", parent_tid=0x%lx", a[3]);
  text_format(t, ", exit_signal=%s", a[4] ? name_signal(a[4]) : "0");
  if(a[5])
    text_format(t, ", stack=0x%lx, stack_size=0x%lx", a[5], a[6]);
  else
    text_format(t, ", stack=NULL, stack_size=0");
  if(a[7])
    text_format(t, ", tls=0x%lx", a[7]);
  text_put(t, '}');
}

// The numbers of bits, of n.
static void
show_set(struct text *t, const struct pointee *p, uint64 n)
{
  const char *between = "[";

  for(size_t k = 0; k < n && k < 8 * p->n; k++)
    if(p->bytes[k / 8] >> k % 8 & 1){
      text_format(t, "%s%lu", between, k);
      between = " ";
    }
  text_format(t, *between == '[' ? "[]" : "]");
}

static void
show_lock(struct text *t, const unsigned char *b)
{
  static const char *const types[] = { "F_RDLCK", "F_WRLCK", "F_UNLCK" };
  short type = *(short *)b;

  text_format(t, "{l_type=%s, l_whence=", type >= 0 && type < 3 ? types[type] : "?");
  show_named(t, 'W', *(short *)(b + 2));
  text_format(t, ", l_start=%ld, l_len=%ld}", *(long *)(b + 8), *(long *)(b + 16));
}

static void
show_terminal(struct text *t, const uint *m)
{
  enum { OPOST = 1, ISIG = 1, ICANON = 2, ECHO = 8 };

  text_format(t, "{%sopost %sisig %sicanon %secho ...}", m[1] & OPOST ? "" : "-",
              m[3] & ISIG ? "" : "-", m[3] & ICANON ? "" : "-", m[3] & ECHO ? "" : "-");
}

// Only afterwards is it known.
static bool
is_result(char letter)
{
  return letter && strchr("`Bhiwt2058rky%+<", letter);
}

static const struct pointee *
left_by(const struct call *c, int i)
{
  return c->left[i].n ? &c->left[i] : &c->data[i];
}

// ---- What belongs to a command: fcntl, prctl; ioctl's pointer ----

enum { NR_FCNTL = 25, NR_IOCTL = 29, NR_PSELECT6 = 72, NR_PPOLL = 73, NR_FUTEX = 98,
       NR_PRCTL = 167, NR_MREMAP = 216, NR_CLONE = 220 };
enum { F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLKW = 7, F_OFD_GETLK = 36, F_OFD_SETLKW = 38 };

static bool
is_lock(uint64 cmd)
{
  return (cmd >= F_GETLK && cmd <= F_SETLKW) || (cmd >= F_OFD_GETLK && cmd <= F_OFD_SETLKW);
}

static void
show_of_command(struct text *t, const struct call *c, int i)
{
  enum { PR_SET_NAME = 15, PR_GET_NAME = 16 };
  uint64 cmd = (uint)c->args[i - 1], v = c->args[i];
  const struct pointee *p = left_by(c, i);

  if(c->nr == NR_FCNTL && is_lock(cmd) && p->n >= 24)
    show_lock(t, p->bytes);
  else if(c->nr == NR_FCNTL && cmd == F_SETFD)
    text_format(t, v & 1 ? "FD_CLOEXEC" : "0");
  else if(c->nr == NR_FCNTL && cmd == F_SETFL)
    show_named(t, 'O', v);
  else if(c->nr == NR_FCNTL && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
    text_format(t, "%ld", v);
  else if(c->nr == NR_PRCTL && (cmd == PR_SET_NAME || cmd == PR_GET_NAME) && p->n)
    show_bytes(t, p->bytes, string_length(p, 0), call_bytes_shown, true);
  else
    text_format(t, v < 4096 ? "%ld" : "0x%lx", v);
}

static bool
show_control(struct text *t, const struct call *c, const struct pointee *p, bool good)
{
  enum { TCGETS = 0x5401, TCSETSF = 0x5404, TIOCGPGRP = 0x540f, TIOCSPGRP, TIOCGWINSZ = 0x5413,
         TIOCSWINSZ, FIONREAD = 0x541b, FIONBIO = 0x5421, TIOCGSID = 0x5429 };
  uint cmd = c->args[1];
  const unsigned short *w = (void *)p->bytes;
  bool given = cmd == TIOCSPGRP || cmd == TIOCSWINSZ || cmd == FIONBIO ||
               (cmd > TCGETS && cmd <= TCSETSF);

  if(!good && !given)
    return false;
  if(cmd >= TCGETS && cmd <= TCSETSF && p->n >= 16)
    show_terminal(t, (void *)p->bytes);
  else if((cmd == TIOCGWINSZ || cmd == TIOCSWINSZ) && p->n >= 8)
    text_format(t, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", w[0], w[1], w[2], w[3]);
  else if((cmd == TIOCGPGRP || cmd == TIOCSPGRP || cmd == FIONREAD || cmd == FIONBIO ||
           cmd == TIOCGSID) && p->n >= 4)
    text_format(t, "[%d]", *(int *)p->bytes);
  else
    return false;
  return true;
}

// ---- What pointers point to ----

// Structures, by letter: how many bytes they need.
static size_t
size_of(char letter)
{
  static const struct { char letter, size; } sizes[] = {
    { 'T', 16 }, { '<', 16 }, { '%', 16 }, { 'r', 32 }, { 'j', 32 }, { '1', 16 }, { '2', 16 },
    { '3', 24 }, { '0', 24 }, { '4', 8 }, { '5', 8 }, { '6', 8 }, { '7', 16 }, { '8', 1 },
    { '9', 16 }, { 'c', 64 }, { 'i', 8 }, { 'w', 4 }, { 't', 56 }, { 'k', 1 }, { 'e', 8 },
    { '+', 0 }, { '&', 1 },
  };

  for(size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    if(sizes[i].letter == letter)
      return sizes[i].size;
  return ~0UL;
}

static void
show_structure(struct text *t, char letter, const struct call *c, const struct pointee *p, int i)
{
  const long *n = (void *)p->bytes;
  uint64 room = c->args[i + 1];

  switch(letter){
  case '<':
  case 'T': text_format(t, "{tv_sec=%ld, tv_nsec=%ld}", n[0], n[1]); break;
  case '%': text_format(t, "{tv_sec=%ld, tv_usec=%ld}", n[0], n[1]); break;
  case 'r': text_format(t, "{ru_utime={tv_sec=%ld, tv_usec=%ld}, ru_stime={tv_sec=%ld, "
                           "tv_usec=%ld}, ...}", n[0], n[1], n[2], n[3]); break;
  case 'j': text_format(t, "{it_interval={tv_sec=%ld, tv_usec=%ld}, it_value={tv_sec=%ld, "
                           "tv_usec=%ld}}", n[0], n[1], n[2], n[3]); break;
  case '1':
  case '2':
    text_put(t, '{');
    show_limit(t, "rlim_cur", n[0]);
    show_limit(t, ", rlim_max", n[1]);
    text_put(t, '}');
    break;
  case '3':
  case '0': show_action(t, (uint64 *)n); break;
  case '4':
  case '5': show_signals(t, n[0]); break;
  case '6': show_polls(t, p, room, false); break;
  case '7': show_vector(t, p, room); break;
  case '8':
    text_format(t, "{sysname=");
    show_bytes(t, p->bytes, string_length(p, 0), call_bytes_shown, true);
    text_format(t, ", ...}");
    break;
  case '9': show_event(t, n); break;
  case 'c': show_clone3(t, (uint64 *)n); break;
  case 'i': text_format(t, "[%d, %d]", ((int *)n)[0], ((int *)n)[1]); break;
  case 'w': show_status(t, *(int *)n); break;
  case 't': show_stat(t, p->bytes); break;
  case '+': show_events(t, p, c->result); break;
  case '&': show_set(t, p, c->args[0]); break;
  case 'k': show_set(t, p, 8 * (c->result > 0 ? (uint64)c->result : c->args[i - 1])); break;
  case 'e':
    text_format(t, "0x%lx /* %ld var%s */", c->args[i], n[0], n[0] == 1 ? "" : "s");
    break;
  }
}

// => false: it is not there, or not known
static bool
show_pointee(struct text *t, char letter, const struct call *c, int i, bool ended)
{
  bool late = is_result(letter) || letter == 'v' || letter == 'e';
  const struct pointee *p = late ? left_by(c, i) : &c->data[i];
  uint64 room = i + 1 < CALL_ARGS ? c->args[i + 1] : 0;
  uint64 given = letter == 'b' ? room : (uint64)c->result;
  size_t most = letter == 's' || letter == '`' ? CALL_DATA : call_bytes_shown;
  bool good = ended && c->result >= 0;

  if(is_result(letter) && (!good || (letter == 'w' && c->result == 0)))
    return false;
  if(letter && strchr("s.`", letter) && p->n)
    show_bytes(t, p->bytes, string_length(p, 0), most, string_length(p, 0) < p->n);
  else if((letter == 'b' || letter == 'B') && (p->n || given == 0))
    show_bytes(t, p->bytes, given < p->n ? given : p->n, most, given <= p->n);
  else if(letter == 'h' && p->n)
    show_hex(t, p->bytes, given < p->n ? given : p->n);
  else if(letter == 'v' && p->n)
    show_strings(t, p);
  else if(letter == 'p' && c->nr == NR_IOCTL)
    return show_control(t, c, left_by(c, i), good);
  else if(p->n >= size_of(letter))
    show_structure(t, letter, c, p, i);
  else
    return false;
  return true;
}

// ---- The call ----

static void
show_argument(struct text *t, char letter, const struct call *c, int i, bool ended)
{
  uint64 v = c->args[i];

  if(show_named(t, letter, v) || (v && show_pointee(t, letter, c, i, ended)))
    return;
  if(letter == 'z')
    show_of_command(t, c, i);
  else if(letter == 'a' && (int)v == -100)
    text_format(t, "AT_FDCWD");
  else if(strchr("afd", letter))
    text_format(t, "%d", (int)v);
  else if(letter == 'u')
    text_format(t, "%lu", v);
  else if(letter == 'o' || letter == 'm')
    text_format(t, "0%02o", (uint)v);
  else if(v == 0)
    text_format(t, letter == 'x' ? "0" : "NULL");
  else
    text_format(t, "0x%lx", v);
}

// How many of its arguments mean something.
static int
arguments(const struct call *c, const char *letters)
{
  enum { O_CREAT = 0100, O_TMPFILE = 020000000, MREMAP_FIXED = 2 };
  static const char of_futex[] = { 4, 3, 6, 5, 6, 6, 4, 2, 2, 6, 6, 6, 6 };
  static const char alone[] = "\1\3\11\13";        // F_GETFD, F_GETFL, F_GETOWN, F_GETSIG
  const char *mode = strchr(letters, 'm'), *colon = strchr(letters, ':');
  uint op = c->args[1] & 127;
  int n = colon ? colon - letters : (int)strlen(letters);

  if(c->nr == NR_FUTEX && op < sizeof of_futex)
    return of_futex[op];
  if(c->nr == NR_FCNTL && c->args[1] && c->args[1] < 32 && strchr(alone, c->args[1]))
    return 2;
  if(c->nr == NR_MREMAP && !(c->args[3] & MREMAP_FIXED))
    return 4;
  if(mode && !(c->args[mode - letters - 1] & (O_CREAT | O_TMPFILE)))
    return n - 1;
  return n;
}

// FUTEX_WAIT_BITSET has no second futex, FUTEX_WAKE_BITSET no timeout either.
static bool
is_unused(uint64 op, int i)
{
  return (i == 4 && ((op & 127) == 9 || (op & 127) == 10)) || (i == 3 && (op & 127) == 10);
}

// In the order of the manual page; only those that the flags speak of.
static void
show_clone(struct text *t, const struct call *c)
{
  enum { SETTLS = 0x80000, PARENT_SETTID = 0x100000, CHILD_TID = 0x1200000 };
  const uint64 *a = c->args;

  if(a[1])
    text_format(t, "child_stack=0x%lx, flags=", a[1]);
  else
    text_format(t, "child_stack=NULL, flags=");
  show_named(t, 'C', a[0]);
  if(a[0] & PARENT_SETTID && c->result > 0)
    text_format(t, ", parent_tid=[%ld]", c->result);
  if(a[0] & SETTLS)
    text_format(t, ", tls=0x%lx", a[3]);
  if(a[0] & CHILD_TID)
    text_format(t, ", child_tidptr=0x%lx", a[4]);
}

static void
show_flags(struct text *t, long result, char letter)
{
  text_format(t, "0x%lx (flags ", result);
  if(letter)
    show_named(t, letter, result);
  else
    text_format(t, "FD_CLOEXEC");
  text_put(t, ')');
}

static void
show_ready(struct text *t, const struct call *c)
{
  static const char *const names[] = { NULL, "in", "out", "except" };
  const char *between = " (";

  for(int i = 1; i <= 3; i++){
    struct text set = { 0 };
    show_set(&set, left_by(c, i), c->args[i] ? c->args[0] : 0);
    if(set.n > 2)
      text_format(t, "%s%s %s", between, names[i], set.s);
    between = set.n > 2 ? ", " : between;
    text_free(&set);
  }
  text_put(t, ')');
}

static void
show_result(struct text *t, const struct call *c)
{
  static const char *const again[] = {
    "ERESTARTSYS (To be restarted if SA_RESTART is set)", "ERESTARTNOINTR (To be restarted)",
    "ERESTARTNOHAND (To be restarted if no handler)", "ERESTARTNOINTR (To be restarted)",
    "ERESTART_RESTARTBLOCK (Interrupted by signal)",
  };
  enum { AGAIN = -512, AGAIN_LAST = -516, F_GETFD_ = 1 };
  const char *name = name_error(-c->result), *how = strchr(call_letters(c->nr), ':');

  if(c->result <= AGAIN && c->result >= AGAIN_LAST)
    text_format(t, "? %s", again[AGAIN - c->result]);
  else if(name)
    text_format(t, "-1 %s (%s)", name, error_text(c->result));
  else if(c->nr == NR_FCNTL && c->args[1] == F_GETFL)
    show_flags(t, c->result, 'O');
  else if(c->nr == NR_FCNTL && c->args[1] == F_GETFD && c->result)
    show_flags(t, c->result, 0);
  else if(how && how[1] == 'o')
    text_format(t, "0%02lo", c->result);
  else
    text_format(t, how ? "0x%lx" : "%ld", c->result);
  if((c->nr == NR_PPOLL || c->nr == NR_PSELECT6) && c->result == 0)
    text_format(t, " (Timeout)");
  if(c->nr == NR_PPOLL && c->result > 0){
    text_format(t, " (");
    show_polls(t, left_by(c, 0), c->args[1], true);
    text_put(t, ')');
  }
  if(c->nr == NR_PSELECT6 && c->result > 0)
    show_ready(t, c);
}

// Behind what the line has already.
void
call_show(struct text *t, const struct call *c, enum call_part part)
{
  enum { COLUMN = 39 };
  const char *letters = call_letters(c->nr);
  bool early = true;                     // before the first that only the end tells
  int n = arguments(c, letters);

  text_format(t, part == RESUMED ? "<... %s resumed>" : "%s(", call_name(c->nr));
  if(c->nr == NR_CLONE && part != RESUMED)
    show_clone(t, c);
  for(int i = 0; c->nr != NR_CLONE && i < n; i++){
    early = early && !is_result(letters[i]);
    if(part == BEGUN && !early)
      break;
    if((part == RESUMED && early) || (c->nr == NR_FUTEX && is_unused(c->args[1], i)))
      continue;
    show_argument(t, letters[i], c, i, c->ended);
    text_format(t, i + 1 < n ? ", " : "");
  }
  if(part == BEGUN){
    text_format(t, " <unfinished ...>");
    return;
  }
  text_format(t, ")%*s = ", t->n + 1 < COLUMN ? (int)(COLUMN - t->n - 1) : 0, "");
  if(c->ended)
    show_result(t, c);
  else
    text_put(t, '?');
}
