// SPDX-License-Identifier: MIT
//
// The files that a process has open, maps or stands in must be the same where it goes.
// Those that it writes to go along, if there they are the same or are not there.

#include "user/migrate.h"
#include "user/user.h"

enum { DIRECTORY = 0040000, REGULAR = 0100000 };

static char piece[MG_BYTES] __attribute__((aligned(8)));

static uint64
mtime_of(const struct kstat *st)
{
  return st->mtime.sec * 1000000000UL + st->mtime.nsec;
}

// Of the contents.  The target tells now and then that it takes its time. => or negative
static long
sum_of(const char *path, uint64 *sum, struct link *l)
{
  long fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0), n = fd;
  uint64 told = now_ns();

  *sum = 0;
  while(fd >= 0 && (n = sys_read(fd, piece, sizeof piece)) > 0){
    memset(piece + n, 0, -n & 7);
    *sum = (*sum ^ ck_sum(piece, (n + 7) & ~7L)) * 0x9e3779b97f4a7c15UL;
    if(!l->source && now_ns() - told > l->limit / 4){
      link_send(l, MG_WAIT, 0, 0, NULL, 0);
      told = now_ns();
    }
  }
  if(fd >= 0)
    sys_close(fd);
  return n;
}

// ---- The source ----

static struct agreed *
agreed_find(const struct list *agreed, const char *path)
{
  for(size_t i = 0; i < agreed->n; i++){
    struct agreed *a = agreed->p[i];
    if(strcmp(a->path, path) == 0)
      return a;
  }
  return NULL;
}

static const char *
send_contents(struct link *l, const char *path)
{
  const char *why = NULL;
  long fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0), n = fd;
  uint64 at = 0;

  while(!why && fd >= 0 && (n = sys_read(fd, piece, sizeof piece)) > 0){
    why = link_send(l, MG_CONTENT, 0, at, piece, n);
    at += n;
  }
  if(fd >= 0)
    sys_close(fd);
  if(n < 0)
    why = link_fail(l, "%s: %s", path, error_text(n));
  return why ? why : link_send(l, MG_END_CONTENT, 0, at, NULL, 0);
}

static const char *
ask(struct link *l, struct agreed *a, const struct kstat *st, bool writes)
{
  static struct { struct mg_file f; char path[PATH_MAX]; } q;
  struct mg_have have;
  bool regular = (st->mode & S_IFMT) == REGULAR;

  q.f = (struct mg_file){ st->mode, writes, regular ? st->size : 0, 0 };
  strcpy(q.path, a->path);
  long r = regular ? sum_of(a->path, &q.f.sum, l) : 0;
  if(r < 0)
    return link_fail(l, "%s: %s", a->path, error_text(r));
  const char *why = link_send(l, MG_FILE, 0, 0, &q, sizeof q.f + strlen(a->path) + 1);
  if(!why)
    why = link_answer(l, &have, sizeof have);
  if(!why && have.wanted && (why = send_contents(l, a->path)) == NULL)
    why = link_answer(l, &have, sizeof have);
  a->size = st->size;
  a->mtime = mtime_of(st);
  a->theirs = have.mtime;
  return why;
}

// What may change without a trace, by stores to memory, is asked about every time.
static const char *
agree(struct link *l, struct list *agreed, const char *path, bool writes, bool maps)
{
  struct agreed *a = agreed_find(agreed, path);
  struct kstat st;
  long r = sys_stat(path, &st);

  if(r < 0)
    return link_fail(l, "%s: %s", path, error_text(r));
  bool directory = (st.mode & S_IFMT) == DIRECTORY;
  if(a && (directory || (a->size == (uint64)st.size && a->mtime == mtime_of(&st) && !maps)))
    return NULL;
  if(!a){
    a = must_malloc(sizeof *a);
    a->path = must_copy(path);
    list_add(agreed, a);
  }
  return ask(l, a, &st, writes);
}

const char *
files_agree(struct link *l, struct list *agreed, struct checkpoint *f)
{
  enum { SHARED = 1 };                   // the kernel's AREA_SHARED
  const char *why = NULL;
  const void *r = NULL;

  while(!why && (r = record_next(f, r, CK_PROCESS)) != NULL)
    why = agree(l, agreed, ((const struct ck_process *)r)->path, false, false);
  for(const struct ck_file *o = NULL; !why && (o = record_next(f, o, CK_FILE)) != NULL;)
    if(o->kind == CK_REGULAR || o->kind == CK_DIRECTORY)
      why = agree(l, agreed, o->path, o->kind == CK_REGULAR && (o->open & O_ACCMODE), false);
  for(r = NULL; !why && (r = record_next(f, r, CK_AREA)) != NULL;){
    struct ck_area *a = (struct ck_area *)r;
    bool shared = a->flags & SHARED, writes = a->open & O_ACCMODE;
    if(a->kind != CK_OF_FILE)
      continue;
    why = agree(l, agreed, a->path, shared && writes, shared && writes);
    if(!why && !shared)
      a->mtime = agreed_find(agreed, a->path)->theirs;
  }
  return why;
}

// ---- The target ----

static bool
holds(const struct list *paths, const char *path)
{
  for(size_t i = 0; i < paths->n; i++)
    if(strcmp(paths->p[i], path) == 0)
      return true;
  return false;
}

static const char *
have(struct link *l, const char *path, bool wanted)
{
  struct kstat st;
  long r = sys_stat(path, &st);
  struct mg_have h = { r < 0 ? 0 : mtime_of(&st), wanted };

  return r < 0 ? link_fail(l, "%s: %s", path, error_text(r)) :
         link_send(l, MG_OK, 0, 0, &h, sizeof h);
}

// Its contents come next.
static const char *
want(struct link *l, struct receiving *r, const struct mg_file *f, bool fresh)
{
  r->fd = sys_open(f->path, O_WRONLY | O_CLOEXEC | (fresh ? O_CREAT | O_EXCL : 0),
                   f->mode & 07777);
  if(r->fd < 0)
    return link_fail(l, "%s: %s", f->path, error_text(r->fd));
  if(fresh)
    list_add(&r->made, must_copy(f->path));
  return have(l, f->path, true);
}

static const char *
look_for(struct link *l, struct receiving *r, const struct mg_file *f)
{
  struct kstat st;
  uint64 sum = 0;
  long e = sys_stat(f->path, &st);
  bool regular = (f->mode & S_IFMT) == REGULAR;

  free(r->path);
  r->path = must_copy(f->path);
  if(e == -ENOENT && f->writes)
    return want(l, r, f, true);
  if(e == 0 && regular && (st.mode & S_IFMT) == REGULAR)
    e = sum_of(f->path, &sum, l);
  if(e < 0)
    return link_fail(l, "%s: %s", f->path, error_text(e));
  bool same = (st.mode & S_IFMT) == (f->mode & S_IFMT) && sum == f->sum &&
              (!regular || (uint64)st.size == f->size);
  bool ours = holds(&r->theirs, f->path) || holds(&r->made, f->path);
  if(!same && f->writes && ours)
    return want(l, r, f, false);
  if(!same)
    return link_fail(l, "%s is not the same here", f->path);
  if(f->writes && !ours)
    list_add(&r->theirs, must_copy(f->path));
  return have(l, f->path, false);
}

const char *
files_answer(struct link *l, struct receiving *r, const struct mg_message *m, void *data)
{
  const struct mg_file *f = data;
  long e = 0;

  if(m->type == MG_FILE && m->bytes > sizeof *f && ((char *)data)[m->bytes - 1] == 0)
    return look_for(l, r, f);
  if(m->type == MG_FILE || r->fd < 0)
    return link_fail(l, "what the source says makes no sense");
  if(m->type == MG_CONTENT)
    e = pwrite_all(r->fd, data, m->bytes, m->offset);
  else
    e = sys_ftruncate(r->fd, m->offset);
  if(e < 0)
    return link_fail(l, "%s: %s", r->path, error_text(e));
  if(m->type == MG_CONTENT)
    return NULL;
  sys_close(r->fd);
  r->fd = -1;
  return have(l, r->path, false);
}

void
files_forget(struct receiving *r, bool undo)
{
  if(r->fd >= 0)
    sys_close(r->fd);
  for(size_t i = 0; undo && i < r->made.n; i++)
    sys_unlink(r->made.p[i]);
  list_free(&r->made, true);
  list_free(&r->theirs, true);
  free(r->path);
}
