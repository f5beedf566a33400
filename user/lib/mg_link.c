// SPDX-License-Identifier: MIT
//
// Messages over a link: each has a checksum, and nothing waits for ever.

#include "user/migrate.h"
#include "user/user.h"

enum { IN_ROOM = 2 * (MG_BYTES + sizeof(struct mg_message)) };

volatile bool mg_interrupted;

const char *
link_fail(struct link *l, const char *fmt, ...)
{
  struct text why = { 0 };             // what was said before may be in what is said now
  va_list ap;

  va_start(ap, fmt);
  text_format_list(&why, fmt, ap);
  va_end(ap);
  text_free(&l->why);
  l->why = why;
  return why.s;
}

void
link_close(struct link *l)
{
  if(l->fd >= 0)
    sys_close(l->fd);
  free(l->in);
  text_free(&l->why);
}

// ---- Waiting ----

static const char *
await(struct link *l, short events, uint64 deadline)
{
  struct poll_fd p = { l->fd, events, 0 };
  uint64 now = now_ns();
  uint64 left = now < deadline ? deadline - now : 0;
  struct timespec limit = { left / 1000000000, left % 1000000000 };
  long r = mg_interrupted ? -EINTR : sys_poll(&p, 1, deadline == ~0UL ? NULL : &limit);

  if(r == -EINTR)
    return link_fail(l, "interrupted");
  if(r == 0)
    return link_fail(l, "the other side is silent");
  if((events & POLLOUT) && (p.revents & POLLHUP))
    return link_fail(l, "the link is down");
  return r < 0 ? link_fail(l, "the link: %s", error_text(r)) : NULL;
}

// There is nobody at the other end, and to wait for one is not possible.
void
link_pause(void)
{
  sys_nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
}

// What has come is put behind what is there. => bytes, 0: nothing now, or negative: it is down
static long
fill(struct link *l)
{
  if(l->start > 0){
    memmove(l->in, l->in + l->start, l->end - l->start);
    l->end -= l->start;
    l->start = 0;
  }
  long r = sys_read(l->fd, l->in + l->end, IN_ROOM - l->end);
  if(r > 0)
    l->end += r;
  return r > 0 ? r : r == -EAGAIN ? 0 : -EPIPE;
}

const char *
link_open(struct link *l, const char *path, uint64 limit, bool source)
{
  uint64 deadline = now_ns() + limit;

  memset(l, 0, sizeof *l);
  l->limit = limit;
  l->source = source;
  l->listens = true;
  l->in = must_malloc(IN_ROOM);
  l->fd = sys_open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
  if(l->fd < 0)
    return link_fail(l, "%s: %s", path, error_text(l->fd));
  while(source && fill(l) < 0)
    if(now_ns() < deadline && !mg_interrupted)
      link_pause();
    else
      return link_fail(l, "%s: there is nobody", path);
  return NULL;
}

// ---- Receiving ----

static size_t
padded(size_t n)
{
  return (n + 7) & ~7UL;
}

// Of another version nothing is known but that.  Who listens passes over all that was on its
// way before, some of which may not be whole.
static bool
is_sound(const struct link *l, const struct mg_message *m)
{
  if(memcmp(m->magic, MG_MAGIC, sizeof m->magic) != 0 || m->version != MG_VERSION)
    return memcmp(m->magic, MG_MAGIC, sizeof m->magic) == 0;
  return m->bytes <= MG_BYTES && ck_sum(m, offsetof(struct mg_message, check)) == m->check &&
         (!l->listens || (l->source ? m->session == l->session : m->type == MG_HELLO));
}

enum { NONE, WHOLE, DAMAGED };

static int
take(struct link *l, struct mg_message *m, void **data)
{
  if(l->end - l->start < sizeof *m)
    return NONE;
  memcpy(m, l->in + l->start, sizeof *m);
  if(!is_sound(l, m))
    return DAMAGED;
  size_t n = m->version == MG_VERSION ? padded(m->bytes) : 0;
  if(l->end - l->start < sizeof *m + n)
    return NONE;
  *data = l->in + l->start + sizeof *m;
  if(n > 0 && ck_sum(*data, n) != m->sum)
    return DAMAGED;
  l->start += sizeof *m + n;
  return WHOLE;
}

const char *
link_receive(struct link *l, struct mg_message *m, void **data, uint64 limit)
{
  uint64 deadline = limit == ~0UL ? limit : now_ns() + limit;

  for(;;){
    int got = take(l, m, data);
    if(got == WHOLE && (m->session == l->session || l->listens))
      return m->version == MG_VERSION ? NULL :
             link_fail(l, "they speak version %u, this is %u", m->version, MG_VERSION);
    if(got == DAMAGED && !l->listens)
      return link_fail(l, "what came over the link is damaged");
    if(got == DAMAGED)
      l->start++;
    if(got != NONE)
      continue;
    long r = fill(l);
    bool patient = l->listens && !l->source;
    if(r < 0 && patient)
      link_pause();
    const char *why = r == 0 || mg_interrupted ? await(l, POLLIN, deadline) :
                      r < 0 && !patient ? link_fail(l, "the link is down") : NULL;
    if(why)
      return why;
  }
}

static const char *
refused(struct link *l, const struct mg_message *m, const char *data)
{
  char *s = must_copy_n(data, m->bytes);
  const char *why = link_fail(l, "the target: %s", s);

  free(s);
  return why;
}

const char *
link_answer(struct link *l, void *data, size_t n)
{
  struct mg_message m;
  void *got;
  const char *why;

  do
    why = link_receive(l, &m, &got, l->limit);
  while(!why && m.type == MG_WAIT);
  if(why)
    return why;
  if(m.type == MG_REFUSE)
    return refused(l, &m, got);
  if(m.type != MG_OK || m.bytes < n)
    return link_fail(l, "the target: what it says makes no sense");
  if(n > 0)
    memcpy(data, got, n);
  return NULL;
}

// ---- Sending ----

// A target that cannot go on says so while it is spoken to.
static const char *
look_for_refusal(struct link *l)
{
  struct mg_message m;
  void *data;

  if(fill(l) < 0)
    return link_fail(l, "the link is down");
  while(take(l, &m, &data) == WHOLE)
    if(m.session == l->session && m.type == MG_REFUSE)
      return refused(l, &m, data);
  return NULL;
}

static const char *
send_all(struct link *l, const char *p, size_t n)
{
  uint64 deadline = now_ns() + l->limit;

  while(n > 0){
    const char *why = l->source ? look_for_refusal(l) : NULL;
    if(why)
      return why;
    long r = sys_write(l->fd, p, n);
    if(r == -EAGAIN)
      why = await(l, l->source ? POLLOUT | POLLIN : POLLOUT, deadline);
    else if(r < 0)
      why = link_fail(l, "the link: %s", error_text(r));
    else
      p += r, n -= r, deadline = now_ns() + l->limit;
    if(why)
      return why;
  }
  return NULL;
}

const char *
link_send(struct link *l, uint type, uint64 number, uint64 offset, const void *data, size_t n)
{
  static char padded_data[MG_BYTES];
  size_t all = padded(n);
  struct mg_message m = {
    .version = MG_VERSION, .type = type, .session = l->session, .number = number,
    .offset = offset, .bytes = n,
  };

  if(all > n){
    memcpy(padded_data, data, n);
    memset(padded_data + n, 0, all - n);
    data = padded_data;
  }
  memcpy(m.magic, MG_MAGIC, sizeof m.magic);
  m.sum = ck_sum(data, all);
  m.check = ck_sum(&m, offsetof(struct mg_message, check));
  const char *why = send_all(l, (const char *)&m, sizeof m);
  return why ? why : send_all(l, data, all);
}
