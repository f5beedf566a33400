// SPDX-License-Identifier: MIT
//
// Writing a checkpoint: the pages first, as they come; the header last, so that nothing
// is taken for a checkpoint that is not whole.

#include "user/checkpoint.h"
#include "user/user.h"

enum { SOME = 16, ENTRIES = 512 };       // pages moved at once; entries looked at

#define ENTRY_PRESENT (1UL << 63)
#define ENTRY_SWAPPED (1UL << 62)
#define ENTRY_OBJECT  (1UL << 61)

struct writer {
  int image, out;                        // the frozen process, the new file
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
  struct ck_run *last = f->nruns ? &f->runs[f->nruns - 1] : NULL;

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
  long got = sys_pread(w->image, w->buffer, n * CK_PAGE, CK_MEMORY + va);

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
    fail(w, write_all(w->out, w->buffer, kept * CK_PAGE));
}

// Pages of its own; those of files come from these.
static bool
is_private(uint64 entry)
{
  return entry & ENTRY_SWAPPED || (entry & (ENTRY_PRESENT | ENTRY_OBJECT)) == ENTRY_PRESENT;
}

static void
save_area(struct writer *w, uint64 start, uint64 end, bool anonymous)
{
  static uint64 entry[ENTRIES];
  int n;

  for(uint64 va = start; va < end && w->error == 0; va += (uint64)n * CK_PAGE){
    uint64 pages = (end - va) / CK_PAGE;
    long got = sys_pread(w->image, entry, (pages < ENTRIES ? pages : ENTRIES) * 8,
                         CK_MAP + va / CK_PAGE * 8);
    n = got / 8;
    if(got <= 0)
      fail(w, got < 0 ? got : -EINTR);
    for(int i = 0, k; i < n; i = k + 1){
      for(k = i; k < n && k - i < SOME && is_private(entry[k]);)
        k++;
      if(k > i)
        save_pages(w, va + (uint64)i * CK_PAGE, k - i, anonymous);
      if(k > i && k - i == SOME)
        k--;                             // the next one has not been looked at
    }
    if(got <= 0)
      return;
  }
}

static void
save_areas(struct writer *w)
{
  enum { SHARED = 1 };                   // the kernel's AREA_SHARED
  const struct ck_area *a = NULL;

  while((a = record_next(&w->file, a, CK_AREA)) != NULL)
    if(a->kind == CK_ANONYMOUS || (a->kind == CK_OF_FILE && !(a->flags & SHARED)))
      save_area(w, a->start, a->end, a->kind == CK_ANONYMOUS);
}

// ---- The rest of the file ----

static void
read_records(struct writer *w)
{
  size_t n = 0, room = 0;
  long got;

  do {
    w->file.records = with_room(w->file.records, n + CK_PAGE, &room, 1);
    while(room < n + CK_PAGE)
      w->file.records = with_room(w->file.records, room, &room, 1);
    got = sys_pread(w->image, w->file.records + n, CK_PAGE, CK_RECORDS + n);
    n += got > 0 ? got : 0;
  } while(got > 0);
  fail(w, got);
  w->file.header.records.bytes = n;
}

static void
save_part(struct writer *w, struct ck_part *part, const void *data, uint64 bytes, uint64 *at)
{
  *part = (struct ck_part){ *at, bytes, ck_sum(data, bytes) };
  *at += bytes;
  if(bytes)
    fail(w, write_all(w->out, data, bytes));
}

static void
save_header(struct writer *w)
{
  static char page[CK_PAGE];
  struct ck_header *h = &w->file.header;
  const struct ck_process *p = record_next(&w->file, NULL, CK_PROCESS);
  const struct ck_task *t = record_next(&w->file, NULL, CK_TASK);
  struct timespec now;
  uint64 at = (h->pages + 1) * CK_PAGE;

  save_part(w, &h->sums, w->sums, h->pages * 8, &at);
  save_part(w, &h->runs, w->file.runs, w->file.nruns * sizeof(struct ck_run), &at);
  save_part(w, &h->records, w->file.records, h->records.bytes, &at);
  sys_clock(CLOCK_REALTIME, &now);
  memcpy(h->magic, CK_MAGIC, sizeof h->magic);
  h->version = CK_VERSION;
  h->bytes = sizeof *h;
  h->size = at;
  h->time = now.sec * 1000000000UL + now.nsec;
  h->pid = p->pid;
  memcpy(h->name, t->name, sizeof h->name);
  fail(w, sys_getrandom(&h->id, sizeof h->id, 0));
  h->sum = ck_sum(h, offsetof(struct ck_header, sum));
  memcpy(page, h, sizeof *h);
  long n = sys_pwrite(w->out, page, sizeof page, 0);
  fail(w, n < 0 ? n : n < CK_PAGE ? -ENOSPC : 0);
}

// ---- All ----

static long
now_us(void)
{
  struct timespec now;
  sys_clock(CLOCK_MONOTONIC, &now);
  return now.sec * 1000000 + now.nsec / 1000;
}

static bool
freeze(struct writer *w, long pid, struct ck_made *made)
{
  static char why[CK_WHY];
  long start = now_us();

  why[0] = 0;
  w->image = syscall3(NR_freeze, pid, (long)why, sizeof why);
  made->frozen_us = now_us() - start;
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

static void
write_file(struct writer *w, const char *path)
{
  struct text tmp = { 0 };

  text_format(&tmp, "%s.new", path);
  w->out = sys_open(tmp.s, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  fail(w, w->out);
  if(w->error == 0){
    sys_lseek(w->out, CK_PAGE, SEEK_SET);
    read_records(w);
    if(w->error == 0)
      save_areas(w);
    if(w->error == 0)
      save_header(w);
    if(w->error == 0)
      fail(w, sys_fsync(w->out));
    sys_close(w->out);
    if(w->error == 0)
      fail(w, sys_rename(tmp.s, path));
    if(w->error)
      sys_unlink(tmp.s);
    else
      sync_directory(w, path);
  }
  text_free(&tmp);
}

const char *
checkpoint_write(long pid, const char *path, struct ck_made *made)
{
  static struct writer w;

  free(w.why.s);
  memset(&w, 0, sizeof w);
  if(!freeze(&w, pid, made))
    return w.why.s;
  write_file(&w, path);
  sys_close(w.image);
  made->pages = w.file.header.pages;
  made->bytes = w.file.header.size;
  free(w.sums);
  free(w.file.runs);
  free(w.file.records);
  if(w.error)
    text_format(&w.why, "%s: %s", path, error_text(w.error));
  return w.error ? w.why.s : NULL;
}
