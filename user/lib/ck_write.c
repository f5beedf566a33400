// SPDX-License-Identifier: MIT
//
// Writing a checkpoint: the pages first, as they come; the header last, so that nothing
// is taken for a checkpoint that is not whole.

#include "user/checkpoint.h"
#include "user/user.h"

enum { SOME = 16, ENTRIES = 512 };       // pages moved at once; entries looked at

struct writer {
  int image;                             // the frozen processes
  struct ck_sink *to;
  uint64 end_at;                         // of the new file, so far
  const struct checkpoint *before;       // what does not change is in it, or NULL
  uint64 at;                             // where in `image` the process is
  size_t first;                          // of its runs
  bool adds;                             // to what `before` has of it
  size_t next, end;                      // of its runs there, where to look
  const struct chain *chain;             // to be merged
  struct checkpoint file;                // what it will say of itself
  uint64 *sums;
  size_t sums_room, runs_room;
  uint64 buffer[SOME * CK_PAGE / 8];
  long error;                            // negative: the first one
  struct text why;
};

static void
fail(struct writer *w, long error)
{
  if(w->error == 0 && error < 0)
    w->error = error;
}

// Where a process was saved last, and that file's number.
static const char *
last_of(const struct ck_process *p, uint64 *id)
{
  const char *s = p->path + p->last;

  *id = 0;
  for(; *s && *s != ' '; s++)
    *id = *id << 4 | (uint64)(*s <= '9' ? *s - '0' : (*s | 0x20) - 'a' + 10);
  return *s ? s + 1 : s;
}

static void
put(struct writer *w, const void *data, size_t n)
{
  if(w->error == 0)
    fail(w, w->to->put(w->to, data, n, w->end_at));
  w->end_at += n;
}

// ---- Pages ----

static bool
is_zero(const uint64 *page)
{
  for(int i = 0; i < CK_PAGE / 8; i++)
    if(page[i])
      return false;
  return true;
}

static void *
with_room(void *p, size_t n, size_t *room, size_t size)
{
  if(n < *room)
    return p;
  *room = *room ? 2 * *room : 256;
  return must_resize(p, *room * size);
}

static void
note_page(struct writer *w, uint64 va, uint file, uint64 at)
{
  struct checkpoint *f = &w->file;
  struct ck_run *last = f->nruns > w->first ? &f->runs[f->nruns - 1] : NULL;

  if(last && last->file == file && last->va + (uint64)last->pages * CK_PAGE == va &&
     last->at + last->pages == at){
    last->pages++;
    return;
  }
  f->runs = with_room(f->runs, f->nruns, &w->runs_room, sizeof *f->runs);
  f->runs[f->nruns++] = (struct ck_run){ va, 1, file, at };
}

static void
add_page(struct writer *w, uint64 va, const uint64 *page)
{
  uint64 n = w->file.header.pages++;

  w->sums = with_room(w->sums, n, &w->sums_room, sizeof *w->sums);
  w->sums[n] = ck_sum(page, CK_PAGE);
  note_page(w, va, 0, n + 1);
}

// n pages at va, in one write for those that are not left out.
static void
save_pages(struct writer *w, uint64 va, int n, bool anonymous)
{
  int kept = 0;
  long got = sys_pread(w->image, w->buffer, n * CK_PAGE, w->at + CK_MEMORY + va);

  if(got != n * CK_PAGE){
    fail(w, got < 0 ? got : -EINTR);
    return;
  }
  for(int i = 0; i < n; i++){
    uint64 *page = w->buffer + i * CK_PAGE / 8, *to = w->buffer + kept * CK_PAGE / 8;
    if(anonymous && is_zero(page))
      continue;
    add_page(w, va + (uint64)i * CK_PAGE, page);
    if(to != page)
      memmove(to, page, CK_PAGE);
    kept++;
  }
  if(kept)
    put(w, w->buffer, kept * CK_PAGE);
}

static bool
is_new(const struct writer *w, uint64 entry)
{
  return entry_is_private(entry) && (!w->adds || entry & CK_CHANGED);
}

// A page that has not changed is where it was; if it is nowhere it is all zeroes.
static void
refer_to(struct writer *w, uint64 va)
{
  const struct checkpoint *b = w->before;
  while(w->next < w->end && b->runs[w->next].va + (uint64)b->runs[w->next].pages * CK_PAGE <= va)
    w->next++;
  const struct ck_run *r = &b->runs[w->next];
  if(w->next < w->end && r->va <= va)
    note_page(w, va, r->file + 1, r->at + (va - r->va) / CK_PAGE);
}

static void
save_area(struct writer *w, uint64 start, uint64 end, bool anonymous)
{
  static uint64 entry[ENTRIES];
  int n;

  for(uint64 va = start; va < end && w->error == 0; va += (uint64)n * CK_PAGE){
    uint64 pages = (end - va) / CK_PAGE;
    long got = sys_pread(w->image, entry, (pages < ENTRIES ? pages : ENTRIES) * 8,
                         w->at + CK_MAP + va / CK_PAGE * 8);
    n = got / 8;
    if(got <= 0)
      fail(w, got < 0 ? got : -EINTR);
    for(int i = 0, k; i < n; i = k){
      for(k = i; k < n && k - i < SOME && is_new(w, entry[k]);)
        k++;
      if(k > i)
        save_pages(w, va + (uint64)i * CK_PAGE, k - i, anonymous);
      else if(entry_is_private(entry[k++]))
        refer_to(w, va + (uint64)i * CK_PAGE);
    }
    if(got <= 0)
      return;
  }
}

static void
save_areas(struct writer *w, const struct ck_process *p)
{
  enum { SHARED = 1 };                   // the kernel's AREA_SHARED
  const struct ck_area *a = NULL;

  while((a = record_in(&w->file, p, a, CK_AREA)) != NULL)
    if(a->kind == CK_ANONYMOUS || (a->kind == CK_OF_FILE && !(a->flags & SHARED)))
      save_area(w, a->start, a->end, a->kind == CK_ANONYMOUS);
}

// The pages of a process from a chain, each from the file that it is in.
static void
copy_runs(struct writer *w)
{
  for(; w->next < w->end && w->error == 0; w->next++){
    const struct ck_run *r = &w->before->runs[w->next];
    if(r->file >= w->chain->files.n)
      fail(w, -EINVAL);
    for(uint k = 0; k < r->pages && w->error == 0; k++){
      const struct checkpoint *f = w->chain->files.p[r->file];
      long n = sys_pread(f->fd, w->buffer, CK_PAGE, (r->at + k) * CK_PAGE);
      if(n != CK_PAGE){
        fail(w, n < 0 ? n : -EIO);
        return;
      }
      add_page(w, r->va + (uint64)k * CK_PAGE, w->buffer);
      put(w, w->buffer, CK_PAGE);
    }
  }
}

// What the file before this one has of the process, if that is the last it was saved in.
static void
find_old_runs(struct writer *w, const struct ck_process *p)
{
  const struct ck_process *old = NULL;
  uint64 id;

  last_of(p, &id);
  w->next = w->end = 0;
  while(w->before && (old = record_next(w->before, old, CK_PROCESS)) && old->pid != p->pid)
    ;
  w->adds = w->before && old && (w->chain || id == w->before->header.id) &&
            old->first_run <= w->before->nruns && old->nruns <= w->before->nruns - old->first_run;
  if(w->adds){
    w->next = old->first_run;
    w->end = w->next + old->nruns;
  }
}

static void
save_processes(struct writer *w)
{
  struct ck_process *p = NULL;

  for(w->at = 0; w->error == 0; w->at += CK_NEXT){
    p = (struct ck_process *)record_next(&w->file, p, CK_PROCESS);
    if(!p)
      return;
    w->first = p->first_run = w->file.nruns;
    find_old_runs(w, p);
    if(w->image >= 0)
      save_areas(w, p);
    else
      copy_runs(w);
    p->nruns = w->file.nruns - p->first_run;
  }
}

// ---- The rest of the file ----

// Of one process after the other, until there is nothing of the next.
static void
read_records(struct writer *w)
{
  size_t n = 0, room = 0, start;
  uint64 at = CK_RECORDS;
  long got;

  do {
    start = n;
    do {
      while(room < n + CK_PAGE)
        w->file.records = with_room(w->file.records, room, &room, 1);
      got = sys_pread(w->image, w->file.records + n, CK_PAGE, at + n - start);
      n += got > 0 ? got : 0;
    } while(got > 0);
    at += CK_NEXT;
  } while(n > start);
  fail(w, got);
  w->file.header.records.bytes = n;
}

static void
save_part(struct writer *w, struct ck_part *part, const void *data, uint64 bytes)
{
  *part = (struct ck_part){ w->end_at, bytes, ck_sum(data, bytes) };
  if(bytes)
    put(w, data, bytes);
}

static void
save_header(struct writer *w)
{
  static char page[CK_PAGE];
  struct ck_header *h = &w->file.header;
  const struct ck_process *p = record_next(&w->file, NULL, CK_PROCESS);
  const struct ck_task *t = record_next(&w->file, NULL, CK_TASK);
  struct timespec now;

  save_part(w, &h->sums, w->sums, h->pages * 8);
  save_part(w, &h->runs, w->file.runs, w->file.nruns * sizeof(struct ck_run));
  save_part(w, &h->records, w->file.records, h->records.bytes);
  sys_clock(CLOCK_REALTIME, &now);
  memcpy(h->magic, CK_MAGIC, sizeof h->magic);
  h->version = CK_VERSION;
  h->bytes = sizeof *h;
  h->size = w->end_at;
  h->time = now.sec * 1000000000UL + now.nsec;
  h->pid = p->pid;
  memcpy(h->name, t->name, sizeof h->name);
  while(h->id == 0)
    fail(w, sys_getrandom(&h->id, sizeof h->id, 0));
  h->sum = ck_sum(h, offsetof(struct ck_header, sum));
  memcpy(page, h, sizeof *h);
  w->end_at = 0;
  put(w, page, sizeof page);
}

static void
save_all(struct writer *w, struct ck_sink *to)
{
  w->to = to;
  w->end_at = CK_PAGE;
  save_processes(w);
  if(w->error == 0)
    save_header(w);
}

// ---- All ----

static bool
freeze(struct writer *w, long pid, uint64 flags)
{
  static char why[CK_WHY];

  why[0] = 0;
  w->image = syscall4(NR_freeze, pid, (long)why, sizeof why, flags);
  if(w->image < 0)
    text_format(&w->why, "process %ld: %s", pid, why[0] ? why : error_text(w->image));
  return w->image >= 0;
}

// The directory too: or the name might be lost that the file has got.
static void
sync_directory(struct writer *w, const char *path)
{
  const char *slash = find_last(path, '/');
  char *dir = slash == path ? must_copy("/") : slash ? must_copy_n(path, slash - path) :
              must_copy(".");
  long fd = sys_open(dir, O_RDONLY, 0);

  fail(w, fd < 0 ? fd : sys_fsync(fd));
  if(fd >= 0)
    sys_close(fd);
  free(dir);
}

struct file_sink {
  struct ck_sink sink;
  int fd;
};

static long
put_in_file(struct ck_sink *s, const void *data, size_t n, uint64 offset)
{
  return pwrite_all(((struct file_sink *)s)->fd, data, n, offset);
}

static void
write_file(struct writer *w, const char *path)
{
  struct text tmp = { 0 };

  text_format(&tmp, "%s.new", path);
  long fd = sys_open(tmp.s, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  struct file_sink to = { { put_in_file }, (int)fd };
  fail(w, fd);
  if(w->error == 0){
    save_all(w, &to.sink);
    sys_sync();                    // or a crash would leave files that are older than this
    if(w->error == 0)
      fail(w, sys_fsync(to.fd));
    sys_close(to.fd);
    if(w->error == 0)
      fail(w, sys_rename(tmp.s, path));
    if(w->error)
      sys_unlink(tmp.s);
    else
      sync_directory(w, path);
  }
  text_free(&tmp);
}

// So that the next one can be an increment.
static void
tell_name(struct writer *w, const char *path)
{
  const struct ck_process *p = NULL;
  struct text name = { 0 };

  if(w->error || !name_for_kernel(&name, &w->file, path))
    return;
  for(uint64 at = 0; (p = record_next(&w->file, p, CK_PROCESS)) != NULL; at += CK_NEXT)
    sys_pwrite(w->image, name.s, name.n, at);
  text_free(&name);
}

static void
end(struct writer *w, const char *path, struct ck_made *made)
{
  const struct ck_process *p = record_next(&w->file, NULL, CK_PROCESS);

  made->frozen_ns = p ? p->frozen_ns : 0;
  made->pages = w->file.header.pages;
  made->bytes = w->file.header.size;
  made->depth = w->file.header.depth;
  free(w->sums);
  free(w->file.runs);
  free(w->file.records);
  if(w->error)
    text_format(&w->why, "%s: %s", path, error_text(w->error));
}

// ---- Increments ----

const char *
record_last(const struct checkpoint *c, uint64 *id)
{
  return last_of(record_next(c, NULL, CK_PROCESS), id);
}

const char *
look_at(long pid, uint64 flags, struct checkpoint *c)
{
  static struct writer w;

  free(w.why.s);
  memset(&w, 0, sizeof w);
  if(freeze(&w, pid, CK_LOOK | flags)){
    read_records(&w);
    sys_close(w.image);
    *c = w.file;
  }
  if(w.error)
    text_format(&w.why, "process %ld: %s", pid, error_text(w.error));
  return w.why.n ? w.why.s : NULL;
}

const char *
process_saved_as(long pid, const char **why)
{
  static struct text t;
  struct checkpoint c;
  uint64 id;

  if((*why = look_at(pid, 0, &c)) != NULL)
    return NULL;
  const char *last = record_last(&c, &id);
  if(*last)
    return last;
  text_clear(&t);
  text_format(&t, "process %ld was never saved, or not for increments", pid);
  *why = t.s;
  return NULL;
}

// The chain that the new one can add to. => or NULL
static const struct checkpoint *
find_before(struct writer *w, struct chain *c, const char *path)
{
  uint64 id;
  const char *last = record_last(&w->file, &id);

  if(!*last || chain_open(c, last))
    return NULL;
  struct checkpoint *b = c->files.p[0];
  bool fits = b->header.id == id && b->header.depth + 2 < CK_FILES_MAX;
  struct kstat mine, its;
  for(size_t i = 0; i < c->files.n && sys_stat(path, &mine) == 0; i++){
    b = c->files.p[i];
    fits &= sys_fstat(b->fd, &its) < 0 || its.ino != mine.ino || its.dev != mine.dev;
  }
  if(!fits)
    chain_close(c);
  return fits ? c->files.p[0] : NULL;
}

static void
name_before(struct writer *w)
{
  struct ck_header *h = &w->file.header;
  const struct checkpoint *b = w->before;

  h->parent_id = b->header.id;
  h->depth = b->header.depth + 1;
  if(strlen(b->path) >= sizeof h->parent)
    fail(w, -ENAMETOOLONG);
  else
    strcpy(h->parent, b->path);
}

const char *
checkpoint_write(long pid, const char *path, enum ck_how how, bool tree, struct ck_made *made)
{
  static struct writer w;
  struct chain c = { 0 };
  const char *why = tree ? tree_check(pid) : NULL;

  free(w.why.s);
  memset(&w, 0, sizeof w);
  if(why)
    return why;
  if(!freeze(&w, pid, (how == CK_ALONE ? 0 : CK_REMEMBER) | (tree ? CK_TREE : 0)))
    return w.why.s;
  read_records(&w);
  if(w.error == 0 && how == CK_INCREMENT && (w.before = find_before(&w, &c, path)) != NULL)
    name_before(&w);
  if(w.error == 0)
    write_file(&w, path);
  if(how != CK_ALONE)
    tell_name(&w, path);
  sys_close(w.image);
  end(&w, path, made);
  chain_close(&c);
  return w.error ? w.why.s : NULL;
}

// ---- In rounds, for who takes the file as it comes ----

struct writer *
writer_begin(long pid, uint64 flags, const char **why)
{
  struct writer *w = must_malloc(sizeof *w);

  memset(w, 0, sizeof *w);
  if(freeze(w, pid, flags))
    read_records(w);
  if(w->error)
    text_format(&w->why, "process %ld: %s", pid, error_text(w->error));
  *why = w->why.s;
  return w;
}

struct checkpoint *
writer_file(struct writer *w)
{
  return &w->file;
}

const char *
writer_write(struct writer *w, const struct checkpoint *before, const char *name,
             struct ck_sink *to)
{
  uint64 id;

  record_last(&w->file, &id);
  w->file.path = must_copy(name);
  if(before && before->header.id == id){
    w->before = before;
    name_before(w);
  }
  save_all(w, to);
  tell_name(w, name);
  if(w->error)
    text_format(&w->why, "%s", error_text(w->error));
  return w->why.s;
}

void
writer_thaw(struct writer *w)
{
  if(w->image >= 0)
    sys_close(w->image);
  w->image = -1;
}

void
writer_free(struct writer *w)
{
  writer_thaw(w);
  free(w->sums);
  free(w->file.runs);
  free(w->file.records);
  free(w->file.path);
  free(w->why.s);
  free(w);
}

// ---- A chain as one file ----

const char *
chain_merge(struct chain *c, const char *path, struct ck_made *made)
{
  static struct writer w;
  const struct checkpoint *newest = c->files.p[0];
  uint64 bytes = newest->header.records.bytes;

  free(w.why.s);
  memset(&w, 0, sizeof w);
  w.image = -1;
  w.before = newest;
  w.chain = c;
  w.file.header = newest->header;
  w.file.header.parent_id = w.file.header.depth = 0;
  w.file.header.pages = 0;
  memset(w.file.header.parent, 0, sizeof w.file.header.parent);
  w.file.records = must_malloc(bytes);
  memcpy(w.file.records, newest->records, bytes);
  write_file(&w, path);
  end(&w, path, made);
  return w.error ? w.why.s : NULL;
}
