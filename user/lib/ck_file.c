// SPDX-License-Identifier: MIT
//
// Checkpoint files, looked at with suspicion.

#include "user/checkpoint.h"
#include "user/user.h"

static const char *
say(struct chain *c, const struct checkpoint *f, const char *what)
{
  text_clear(&c->why);
  text_format(&c->why, "%s %s", f->path, what);
  return c->why.s;
}

static void
file_close(struct checkpoint *f)
{
  if(f->fd >= 0)
    sys_close(f->fd);
  free(f->path);
  free(f->runs);
  free(f->records);
  free(f);
}

// => NULL without a part that is whole
static void *
read_part(const struct checkpoint *f, const struct ck_part *part)
{
  uint64 size = f->header.size;
  if(part->bytes % 8 || part->offset % 8 || part->offset > size ||
     part->bytes > size - part->offset)
    return NULL;
  char *p = must_malloc(part->bytes + 8);
  for(uint64 done = 0; done < part->bytes;){
    long n = sys_pread(f->fd, p + done, part->bytes - done, part->offset + done);
    if(n <= 0){
      free(p);
      return NULL;
    }
    done += n;
  }
  if(ck_sum(p, part->bytes) == part->sum)
    return p;
  free(p);
  return NULL;
}

static const char *
check_header(struct chain *c, struct checkpoint *f)
{
  struct ck_header *h = &f->header;
  struct kstat st;
  long n = sys_pread(f->fd, h, sizeof *h, 0);

  if(n < (long)sizeof h->magic || memcmp(h->magic, CK_MAGIC, sizeof h->magic) != 0)
    return say(c, f, "is no checkpoint");
  if(n < 16 || h->version != CK_VERSION){
    text_clear(&c->why);
    text_format(&c->why, "%s is of version %u, this is %u", f->path, h->version, CK_VERSION);
    return c->why.s;
  }
  if(n != sizeof *h || h->bytes != sizeof *h ||
     ck_sum(h, offsetof(struct ck_header, sum)) != h->sum)
    return say(c, f, "has a damaged header");
  n = sys_fstat(f->fd, &st);
  if(n < 0 || (uint64)st.size != h->size)
    return say(c, f, n == 0 && (uint64)st.size < h->size ? "is cut off" : "has a wrong size");
  return NULL;
}

static const char *
open_one(struct chain *c, const char *path, struct checkpoint **out)
{
  struct checkpoint *f = must_malloc(sizeof *f);

  memset(f, 0, sizeof *f);
  f->path = must_copy(path);
  f->fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
  list_add(&c->files, f);
  *out = f;
  if(f->fd < 0){
    text_clear(&c->why);
    text_format(&c->why, "%s: %s", path, error_text(f->fd));
    return c->why.s;
  }
  const char *why = check_header(c, f);
  if(why)
    return why;
  f->runs = read_part(f, &f->header.runs);
  f->nruns = f->header.runs.bytes / sizeof *f->runs;
  f->records = read_part(f, &f->header.records);
  return f->runs && f->records ? NULL : say(c, f, "is damaged");
}

// The name of the file before f.
static char *
name_before(const struct checkpoint *f)
{
  const char *slash = find_last(f->path, '/');
  if(!slash || f->header.parent[0] == '/')
    return must_copy(f->header.parent);
  char *dir = must_copy_n(f->path, slash - f->path);
  char *path = path_join(*dir ? dir : "/", f->header.parent);
  free(dir);
  return path;
}

static const char *
open_chain(struct chain *c, const char *path)
{
  struct checkpoint *f, *after = NULL;
  char *name = must_copy(path);

  for(;; after = f){
    const char *why = open_one(c, name, &f);
    free(name);
    if(why)
      return why;
    if(after && after->header.parent_id != f->header.id)
      return say(c, f, "is not the file that the next one was made for");
    if(f->header.parent_id == 0)
      return NULL;
    if(c->files.n == CK_FILES_MAX)
      return say(c, f, "needs too many others: merge them");
    name = name_before(f);
  }
}

const char *
chain_open(struct chain *c, const char *path)
{
  memset(c, 0, sizeof *c);
  const char *why = open_chain(c, path);
  if(why)
    chain_close(c);
  return why;
}

void
chain_close(struct chain *c)
{
  for(size_t i = 0; i < c->files.n; i++)
    file_close(c->files.p[i]);
  list_free(&c->files, false);
  memset(&c->files, 0, sizeof c->files);
}

// ---- Pages ----

static const char *
check_pages(struct chain *c, struct checkpoint *f)
{
  enum { SOME = 16 };
  static uint64 page[SOME * CK_PAGE / 8];
  uint64 *sums = read_part(f, &f->header.sums);
  uint64 n = f->header.pages, i = 0;

  if(!sums || f->header.sums.bytes != n * 8 || n + 1 > f->header.size / CK_PAGE){
    free(sums);
    return say(c, f, "is damaged");
  }
  for(bool good = true; i < n && good;){
    uint64 some = n - i < SOME ? n - i : SOME;
    good = sys_pread(f->fd, page, some * CK_PAGE, (i + 1) * CK_PAGE) == (long)(some * CK_PAGE);
    for(uint64 k = 0; good && k < some; k++, i++)
      if(ck_sum(page + k * CK_PAGE / 8, CK_PAGE) != sums[i])
        good = false, k--, i--;
    if(!good)
      break;
  }
  free(sums);
  return i == n ? NULL : say(c, f, "has a damaged page");
}

const char *
chain_check(struct chain *c)
{
  const char *why = NULL;

  for(size_t i = 0; !why && i < c->files.n; i++)
    why = check_pages(c, c->files.p[i]);
  return why;
}

// ---- Records ----

const void *
record_next(const struct checkpoint *c, const void *r, uint type)
{
  const struct ck_record *at = r;
  const char *p = at ? (const char *)at + at->bytes : c->records;
  const char *end = c->records + c->header.records.bytes;

  for(; p + sizeof *at <= end; p += at->bytes){
    at = (const struct ck_record *)p;
    if(at->bytes < sizeof *at || at->bytes > (uint64)(end - p))
      return NULL;
    if(type == 0 || at->type == type)
      return at;
  }
  return NULL;
}

const void *
record_in(const struct checkpoint *c, const struct ck_process *p, const void *r, uint type)
{
  const struct ck_record *at = record_next(c, r ? r : p, 0);

  while(at && at->type != CK_PROCESS && at->type != type)
    at = record_next(c, at, 0);
  return at && at->type == type ? at : NULL;
}

// ---- Names ----

bool
name_for_kernel(struct text *t, const struct checkpoint *c, const char *path)
{
  static char dir[PATH_MAX];

  if(sys_getcwd(dir, sizeof dir) < 0)
    return false;
  text_format(t, "%lx %s%s%s", c->header.id, path[0] == '/' ? "" : dir,
              path[0] == '/' || strcmp(dir, "/") == 0 ? "" : "/", path);
  return true;
}

// ---- A series ----

long
series_latest(const char *name)
{
  const char *base = path_base(name);
  size_t n = strlen(base);
  char *dir = base > name + 1 ? must_copy_n(name, base - name - 1) :
              must_copy(base > name ? "/" : ".");
  struct list names = { 0 };
  long latest = 0, number;

  directory_names(dir, &names);
  for(size_t i = 0; i < names.n; i++){
    const char *s = names.p[i];
    if(starts_with(s, base) && s[n] == '.' && parse_long(s + n + 1, &number) && number > latest)
      latest = number;
  }
  list_free(&names, true);
  free(dir);
  return latest;
}
