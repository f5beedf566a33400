// SPDX-License-Identifier: MIT
//
// The source of a migration: checkpoint after checkpoint goes over the link while the
// process runs, each what has changed since the one before; when little is left it stands
// still for the last.  Until the target has built it, it goes on here if anything fails;
// before the target is told to let it go, it is ended here.

#include "user/migrate.h"
#include "user/user.h"

enum { ROUNDS_MAX = 30, IDLE_MAX = 3, BAR = 30 };

struct source {
  struct ck_sink sink;                   // a checkpoint file on its way
  const struct migration *m;
  struct link link;
  long pid;
  struct list agreed;
  struct writer *before, *now;           // the round before, and this one
  int round, idle;                       // idle: rounds in vain, one after the other
  uint64 pages, bytes, ns;               // of this round: expected; over the link; took so long
  uint64 told;                           // when progress was shown
  bool terminal;
};

// ---- What is shown ----

static void
show(struct source *s, bool all)
{
  uint64 done = s->bytes / CK_PAGE, pages = all || done > s->pages ? done : s->pages;
  int bar = pages ? done * BAR / pages : BAR;

  if(!s->terminal || (!all && now_ns() - s->told < 100000000))
    return;
  s->told = now_ns();
  out("\rround %d [", s->round);
  for(int i = 0; i < BAR; i++)
    out("%c", i < bar ? '#' : '.');
  out("] %ld of %ld pages ", (long)done, (long)pages);
  out_flush();
}

static void
show_round(struct source *s, const char *how)
{
  show(s, true);
  if(s->terminal)
    out("\r");
  uint64 pages = writer_file(s->now)->header.pages;
  out("round %d: %ld pages, %ld KiB, %ld ms%s", s->round, (long)pages, (long)s->bytes / 1024,
      (long)(s->ns / 1000000), how);
  out(s->terminal ? "%10s\n" : "%s\n", "");
  out_flush();
}

// ---- A round ----

// Private pages: those with this bit.
static uint64
count_pages(long pid, const struct checkpoint *f, uint64 bit)
{
  static uint64 entry[512];
  struct text path = { 0 };
  uint64 n = 0;

  text_format(&path, "/proc/%ld/pagemap", pid);
  long fd = sys_open(path.s, O_RDONLY | O_CLOEXEC, 0), got = 0;
  for(const struct ck_area *a = NULL; fd >= 0 && (a = record_next(f, a, CK_AREA)) != NULL;)
    for(uint64 va = a->start; a->kind <= CK_OF_FILE && va < a->end; va += got / 8 * CK_PAGE){
      uint64 left = (a->end - va) / CK_PAGE * 8;
      got = sys_pread(fd, entry, left < sizeof entry ? left : sizeof entry, va / CK_PAGE * 8);
      if(got <= 0)
        break;
      for(long i = 0; i < got / 8; i++)
        n += entry_is_private(entry[i]) && (entry[i] & bit);
    }
  if(fd >= 0)
    sys_close(fd);
  text_free(&path);
  return n;
}

static long
put_on_link(struct ck_sink *k, const void *data, size_t n, uint64 offset)
{
  struct source *s = (struct source *)k;
  const char *p = data;

  for(size_t some; n > 0; p += some, offset += some, n -= some){
    some = n < MG_BYTES ? n : MG_BYTES;
    if(link_send(&s->link, MG_DATA, s->round, offset, p, some))
      return -EPIPE;                     // link.why says more
    s->bytes += some;
  }
  show(s, false);
  return 0;
}

static void
name_round(struct source *s, struct text *t)
{
  text_format(t, "migrated.%ld-%x.%d", s->pid, (uint)s->link.session, s->round);
}

static const char *
send_round(struct source *s, uint type)
{
  struct text name = { 0 };
  struct link *l = &s->link;
  const char *why = files_agree(l, &s->agreed, writer_file(s->now));

  name_round(s, &name);
  if(!why)
    why = link_send(l, MG_BEGIN, s->round, 0, NULL, 0);
  if(!why){
    text_clear(&l->why);
    why = writer_write(s->now, s->before ? writer_file(s->before) : NULL, name.s, &s->sink);
    if(why && l->why.n)
      why = l->why.s;
  }
  text_free(&name);
  return why ? why : link_send(l, type, s->round, 0, NULL, 0);
}

// Freeze it, and send what is new.  With MG_LAST it stands still from then on.
static const char *
round(struct source *s, uint type)
{
  const char *why;
  uint64 begun = now_ns();

  s->round++;
  s->bytes = 0;
  s->now = writer_begin(s->pid, type == MG_LAST ? CK_STAY : CK_REMEMBER, &why);
  if(!why && !s->before)
    s->pages = count_pages(s->pid, writer_file(s->now), ~0UL);
  if(!why)
    why = send_round(s, type);
  if(why)
    return why;
  if(type != MG_LAST){
    writer_thaw(s->now);
    why = link_answer(&s->link, NULL, 0);
  }
  s->ns = now_ns() - begun;
  return why;
}

static void
next(struct source *s)
{
  if(s->before)
    writer_free(s->before);
  s->before = s->now;
  s->now = NULL;
}

// ---- When to stop ----

// What is left takes at most half of the pause, for there is more to be done then; or it does
// not become less.
static bool
is_enough(struct source *s)
{
  uint64 pages = writer_file(s->before)->header.pages, ns = s->ns ? s->ns : 1;
  uint64 in_time = s->bytes / CK_PAGE * (s->m->pause / 2) / ns;

  s->pages = count_pages(s->pid, writer_file(s->before), CK_CHANGED);
  s->idle = s->pages * 10 > pages * 9 ? s->idle + 1 : 0;
  return s->pages <= in_time || s->idle == IDLE_MAX || s->round == ROUNDS_MAX;
}

static const char *
copy_ahead(struct source *s)
{
  const char *why;

  do {
    why = round(s, MG_END);
    if(why)
      return why;
    show_round(s, "");
    next(s);
  } while(!is_enough(s));
  return NULL;
}

// ---- The hand-over ----

// The word may be lost, or the link come back: the target takes it for once, however often
// it hears it.
static const char *
let_go_there(struct source *s)
{
  uint64 deadline = now_ns() + s->m->limit;
  const char *why;

  s->link.limit = 1000000000;
  do {
    mg_interrupted = false;
    why = link_send(&s->link, MG_GO, 0, 0, NULL, 0);
    if(!why)
      why = link_answer(&s->link, NULL, 0);
    if(why)
      link_pause();
  } while(why && now_ns() < deadline);
  return why;
}

// The target has built it.  => a status
static int
hand_over(struct source *s, uint64 begun)
{
  struct text name = { 0 };

  writer_thaw(s->now);                   // to its end
  const char *why = let_go_there(s);
  if(why){
    name_round(s, &name);
    warn("process %ld has ended here, and whether it goes on there is not known: %s.  If not, "
         "the target says so, and `restore %s' there lets it go on", s->pid, why, name.s);
    return 1;
  }
  s->ns = now_ns() - begun;
  show_round(s, ", stood still");
  out("process %ld goes on there; it stood still for %ld ms", s->pid, (long)(s->ns / 1000000));
  if(s->ns > s->m->pause)
    out(", more than %ld", (long)(s->m->pause / 1000000));
  out("\n");
  return 0;
}

static int
stay_here(struct source *s, const char *why)
{
  char *reason = must_copy(why);

  if(s->now)
    writer_thaw(s->now);
  if(s->terminal && s->round > 0)
    out("\n");
  out_flush();
  if(s->round > 0){                      // changes count no more
    struct writer *w = writer_begin(s->pid, CK_STAY, &why);
    writer_free(w);
  }
  warn("process %ld goes on here: %s", s->pid, reason);
  mg_interrupted = false;
  s->link.limit = 1000000000;
  if(s->link.fd >= 0)
    link_send(&s->link, MG_ABORT, 0, 0, NULL, 0);
  free(reason);
  return 1;
}

// ---- All ----

static const char *
greet(struct source *s)
{
  struct mg_hello hello = { .pid = s->pid };
  struct process *p = process_read(s->pid);

  if(!p)
    return link_fail(&s->link, "%s", error_text(-ESRCH));
  memcpy(hello.name, p->name, strlen(p->name) < sizeof hello.name ? strlen(p->name) : 15);
  process_free(p);
  const char *why = link_send(&s->link, MG_HELLO, 0, 0, &hello, sizeof hello);
  if(!why)
    why = link_answer(&s->link, NULL, 0);
  s->link.listens = false;
  return why;
}

// => NULL: it is ready there, and stands still here since *begun
static const char *
send(struct source *s, uint64 *begun)
{
  const char *why = link_open(&s->link, s->m->link, s->m->limit, true);

  sys_getrandom(&s->link.session, sizeof s->link.session, 0);
  if(!why)
    why = greet(s);
  if(!why)
    why = copy_ahead(s);
  if(why)
    return why;
  *begun = now_ns();
  why = round(s, MG_LAST);
  if(!why)
    why = link_answer(&s->link, NULL, 0);
  if(!why && sys_kill(s->pid, SIGKILL) < 0)
    why = link_fail(&s->link, "%s", error_text(-ESRCH));
  return why;
}

int
migrate_to(const struct migration *m, long pid)
{
  static struct source s;
  struct termios t;
  uint64 begun;

  s.sink.put = put_on_link;
  s.m = m;
  s.pid = pid;
  s.terminal = sys_ioctl(1, TCGETS, &t) == 0;
  const char *why = send(&s, &begun);
  int status = why ? stay_here(&s, why) : hand_over(&s, begun);
  link_close(&s.link);
  return status;
}
