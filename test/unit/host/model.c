// SPDX-License-Identifier: MIT
//
// The model's steps.

#include "model.h"
#include "mm/object.h"

struct model_space spaces[SPACES];
struct model_object objects[OBJECTS];

static const u32 word_at[WORDS] = { 0, 8, 2048, PAGE_SIZE - 8 };
enum { NEVER_WRITTEN = 1024 };           // an offset in every page

// Windows at the bottom, across the ends of a leaf and of a middle table, and at
// the top.
va_t
model_va(u32 page)
{
  static const va_t base[WINDOWS] = {
    USER_MIN, 2 * MiB - 8 * PAGE_SIZE, GiB - 8 * PAGE_SIZE, USER_TOP - WINDOW_PAGES * PAGE_SIZE,
  };
  return base[page / WINDOW_PAGES] + page % WINDOW_PAGES * PAGE_SIZE;
}

// ---- What the model says ----

static bool
past_file(const struct model_object *o, u32 index)
{
  return o->store && index >= page_up(o->size) >> PAGE_SHIFT;
}

static bool
inside_file(const struct model_object *o, u32 index, u32 w)
{
  return o->store == NULL || index * PAGE_SIZE + word_at[w] < o->size;
}

static enum fault
expected(const struct model_page *p, enum access how)
{
  static const u32 need[] = {
    [ACCESS_READ] = PROT_READ | PROT_WRITE, [ACCESS_WRITE] = PROT_WRITE, [ACCESS_EXEC] = PROT_EXEC,
  };
  if(!p->mapped)
    return FAULT_MAPERR;
  if(!(p->prot & need[how]))
    return FAULT_ACCERR;
  return p->object && !p->own && past_file(p->object, p->index) ? FAULT_ADRERR : FAULT_OK;
}

static bool
known(const struct model_page *p, u32 w)
{
  return p->own ? p->known[w] : p->object == NULL || inside_file(p->object, p->index, w);
}

static u64 *
value(struct model_page *p, u32 w)
{
  return p->object && !p->own ? &p->object->word[p->index][w] : &p->word[w];
}

static void
drop(struct model_page *p)
{
  if(p->object)
    p->object->users--;
  memset(p, 0, sizeof *p);
}

// The private page gets bytes of its own, those it shows now.
static void
make_own(struct model_page *p)
{
  if(p->shared || p->object == NULL || p->own)
    return;
  for(u32 w = 0; w < WORDS; w++){
    p->known[w] = known(p, w);
    p->word[w] = p->object->word[p->index][w];
  }
  p->own = true;
}

static void
forget_own(struct model_page *p)
{
  p->own = false;
  memset(p->word, 0, sizeof p->word);
}

// ---- Steps: loads and stores ----

static void
load(struct model_space *s, u32 i)
{
  struct model_page *p = &s->page[i];
  u32 w = (u32)below(WORDS);
  u64 got = 0, other = 0;
  enum fault f = user_load(model_va(i) + word_at[w], &got);
  if(f != expected(p, ACCESS_READ))
    panic("load from %lx: fault %d instead of %d", model_va(i), f, expected(p, ACCESS_READ));
  if(f != FAULT_OK)
    return;
  if(known(p, w) && got != *value(p, w))
    panic("load from %lx: %lx instead of %lx", model_va(i) + word_at[w], got, *value(p, w));
  user_load(model_va(i) + NEVER_WRITTEN, &other);
  if(other)
    panic("load from %lx: old bytes %lx", model_va(i) + NEVER_WRITTEN, other);
}

static void
store(struct model_space *s, u32 i)
{
  struct model_page *p = &s->page[i];
  u32 w = (u32)below(WORDS);
  u64 v = host_random();
  enum fault f = user_store(model_va(i) + word_at[w], v);
  if(f != expected(p, ACCESS_WRITE))
    panic("store to %lx: fault %d instead of %d", model_va(i), f, expected(p, ACCESS_WRITE));
  if(f != FAULT_OK)
    return;
  make_own(p);
  *value(p, w) = v;
  p->known[w] = true;
}

static void
fetch(struct model_space *s, u32 i)
{
  void *kva;
  enum fault f = user_touch(model_va(i), ACCESS_EXEC, &kva);
  if(f != expected(&s->page[i], ACCESS_EXEC))
    panic("fetch from %lx: fault %d", model_va(i), f);
}

// ---- Steps: the map ----

static u32
random_prot(void)
{
  static const u32 prots[] = {
    PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_WRITE,
    PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC, PROT_EXEC,
  };
  return prots[below(count_of(prots))];
}

static struct model_object *
new_anonymous(void)
{
  for(u32 i = FILES; i < OBJECTS; i++)
    if(objects[i].users == 0){
      memset(&objects[i], 0, sizeof objects[i]);
      return &objects[i];
    }
  return NULL;
}

// n pages of one window, from page i on, over anything.
static void
map(struct model_space *s, u32 i, u32 n)
{
  bool shared = below(2), file = below(2), may_write = !shared || below(2);
  struct model_object *o = file ? &objects[below(FILES)] : shared ? new_anonymous() : NULL;
  u32 first = file ? (u32)below(FILE_PAGES - n + 1) : 0;
  u32 prot = random_prot();
  if(shared && !file)
    may_write = o != NULL;
  if(shared && o == NULL)
    return;
  if((prot & PROT_WRITE) && !may_write)
    prot &= ~PROT_WRITE;
  if(file)
    object_get(&o->store->object);
  i64 r = vm_map(s->space, model_va(i), n * PAGE_SIZE, prot,
                 MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE) | (may_write ? MAP_MAYWRITE : 0),
                 file ? &o->store->object : NULL, first * PAGE_SIZE, NULL);
  if(r != (i64)model_va(i))
    panic("map at %lx: %ld", model_va(i), r);
  for(u32 k = 0; k < n; k++){
    drop(&s->page[i + k]);
    s->page[i + k] = (struct model_page){
      .mapped = true, .shared = shared, .may_write = may_write, .prot = prot, .object = o,
      .index = first + k,
    };
    if(o)
      o->users++;
  }
}

static void
unmap(struct model_space *s, u32 i, u32 n)
{
  va_t end = model_va(i + n - 1) + PAGE_SIZE;
  int r = vm_unmap(s->space, model_va(i), end - model_va(i));
  if(r != 0)
    panic("unmap at %lx: %d", model_va(i), r);
  for(u32 k = 0; k < n; k++)
    drop(&s->page[i + k]);
}

// *to: the page at which protecting [i, i + n) has to end.
static int
may_protect(struct model_space *s, u32 i, u32 n, u32 prot, u32 *to)
{
  for(*to = i; *to < i + n; (*to)++){
    u32 k = *to;
    if(!s->page[k].mapped || (k > i && model_va(k) != model_va(k - 1) + PAGE_SIZE))
      return -ENOMEM;
    if((prot & PROT_WRITE) && !s->page[k].may_write)
      return -EACCES;
  }
  return 0;
}

static void
protect(struct model_space *s, u32 i, u32 n)
{
  u32 prot = random_prot(), to;
  int want = may_protect(s, i, n, prot, &to);
  int r = vm_protect(s->space, model_va(i), model_va(i + n - 1) + PAGE_SIZE - model_va(i), prot);
  if(r != want)
    panic("protect at %lx: %d instead of %d", model_va(i), r, want);
  for(u32 k = i; k < to; k++)
    s->page[k].prot = prot;
}

static void
discard(struct model_space *s, u32 i, u32 n)
{
  u32 to;
  if(may_protect(s, i, n, PROT_NONE, &to) != 0)
    return;
  int r = vm_discard(s->space, model_va(i), model_va(i + n - 1) + PAGE_SIZE - model_va(i), NULL);
  if(r != 0)
    panic("discard at %lx: %d", model_va(i), r);
  for(u32 k = i; k < i + n; k++)
    forget_own(&s->page[k]);
}

// Are they neighbours of one kind, so that they must be one area?
static bool
one_area(const struct model_page *p, u32 n)
{
  for(u32 k = 0; k < n; k++)
    if(!p[k].mapped || p[k].prot != p->prot || p[k].shared != p->shared ||
       p[k].may_write != p->may_write || p[k].object != p->object ||
       (p->object && p[k].index != p->index + k))
      return false;
  return true;
}

// n pages from page i on go, or with `leave` only what is in them goes, to page `to`.
static void
remap(struct model_space *s, u32 i, u32 n, u32 to, bool leave)
{
  if(to % WINDOW_PAGES + n > WINDOW_PAGES || (to < i + n && i < to + n))
    return;
  u32 flags = MREMAP_MAYMOVE | MREMAP_FIXED | (leave ? MREMAP_DONTUNMAP : 0);
  i64 r = vm_remap(s->space, model_va(i), n * PAGE_SIZE, n * PAGE_SIZE, flags, model_va(to));
  i64 want = one_area(&s->page[i], n) ? (i64)model_va(to) : -EFAULT;
  if(r != want)
    panic("remap of %lx: %ld instead of %ld", model_va(i), r, want);
  for(u32 k = 0; r > 0 && k < n; k++){
    struct model_page *from = &s->page[i + k], *p = &s->page[to + k];
    drop(p);
    *p = *from;
    if(leave)
      forget_own(from);
    else
      memset(from, 0, sizeof *from);
    if(leave && p->object)
      p->object->users++;
  }
}

static void
populate(struct model_space *s, u32 i, u32 n)
{
  static const int error[] = {
    [FAULT_OK] = 0, [FAULT_MAPERR] = -ENOMEM, [FAULT_ACCERR] = -EINVAL, [FAULT_ADRERR] = -EFAULT,
  };
  enum access how = below(2) ? ACCESS_WRITE : ACCESS_READ;
  enum fault f = FAULT_OK;
  for(u32 k = i; k < i + n && f == FAULT_OK; k++){
    f = expected(&s->page[k], how);
    if(f == FAULT_OK && how == ACCESS_WRITE)
      make_own(&s->page[k]);
  }
  int r = vm_populate(s->space, model_va(i), n * PAGE_SIZE, how);
  if(r != error[f])
    panic("populate at %lx: %d instead of %d", model_va(i), r, error[f]);
}

// ---- Steps: whole spaces ----

static void
fork_space(struct model_space *s)
{
  for(u32 k = 0; k < SPACES; k++){
    if(spaces[k].space)
      continue;
    int r = space_fork(s->space, &spaces[k].space);
    if(r != 0)
      panic("fork: %d", r);
    memcpy(spaces[k].page, s->page, sizeof s->page);
    for(u32 i = 0; i < PAGES; i++)
      if(s->page[i].object)
        s->page[i].object->users++;
    return;
  }
}

static void
end_space(struct model_space *s)
{
  for(u32 i = 0; i < PAGES; i++)
    drop(&s->page[i]);
  leave_space(s->space);
  space_put(s->space);
  s->space = NULL;
}

// ---- Steps: files ----

// The bytes from the old end on are zero once the file reaches further.
static void
grow_file(struct model_object *o, u64 size)
{
  for(u32 i = 0; i < FILE_PAGES; i++)
    for(u32 w = 0; w < WORDS; w++)
      if(i * PAGE_SIZE + word_at[w] >= o->size)
        o->word[i][w] = 0;
  o->size = size;
}

static void
cut_file(struct model_object *o, u64 size)
{
  for(u32 k = 0; k < SPACES; k++)
    for(u32 i = 0; i < PAGES; i++){
      struct model_page *p = &spaces[k].page[i];
      if(p->object == o && p->index >= page_up(size) >> PAGE_SHIFT)
        forget_own(p);
    }
  o->size = size;
}

static void
resize_file(struct model_object *o)
{
  static const u32 tails[] = { 0, 8, 16, 2048 + 8, PAGE_SIZE - 8 };
  u64 size = below(FILE_PAGES) * PAGE_SIZE + tails[below(count_of(tails))];
  if(size < o->size){
    store_truncate(o->store, size);
    cut_file(o, size);
  } else if(size > o->size){
    int r = object_extend(&o->store->object, size);
    if(r != 0)
      panic("extend: %d", r);
    grow_file(o, size);
  }
}

typedef int attempt(struct object *o, u64 off, va_t buf, u64 n, u64 *done);

// read(2) or write(2) of one word, with the retries of a system call.
static int
transfer(attempt *once, bool to_user, struct object *o, u64 off, va_t buf)
{
  u64 done;
  int err = once(o, off, buf, 8, &done);
  while(err == -EAGAIN){
    err = object_fault_in(buf, 8, to_user);
    if(err == 0)
      err = once(o, off, buf, 8, &done);
  }
  return err;
}

// write(file, off, the word at va, 8), as a system call does it.
static void
write_file(struct model_object *o, struct model_space *s, u32 i)
{
  u32 index = (u32)below(FILE_PAGES), w = (u32)below(WORDS), from = (u32)below(WORDS);
  struct model_page *p = &s->page[i];
  va_t buf = model_va(i) + word_at[from];
  enum fault f = expected(p, ACCESS_READ);
  if(f == FAULT_OK && !known(p, from))
    return;
  int err = transfer(object_write, false, &o->store->object, index * PAGE_SIZE + word_at[w], buf);
  if(err != (f == FAULT_OK ? 0 : -EFAULT))
    panic("write from %lx: %d", buf, err);
  u64 end = index * PAGE_SIZE + word_at[w] + 8, v = *value(p, from);
  if(err)
    return;
  if(end > o->size)
    grow_file(o, end);
  o->word[index][w] = v;
}

static void
read_file(struct model_object *o, struct model_space *s, u32 i)
{
  u32 index = (u32)below(FILE_PAGES), w = (u32)below(WORDS), to = (u32)below(WORDS);
  struct model_page *p = &s->page[i];
  va_t buf = model_va(i) + word_at[to];
  if(!inside_file(o, index, w))
    return;
  enum fault f = expected(p, ACCESS_WRITE);
  int err = transfer(object_read, true, &o->store->object, index * PAGE_SIZE + word_at[w], buf);
  u64 v = o->word[index][w];
  if(err != (f == FAULT_OK ? 0 : -EFAULT))
    panic("read to %lx: %d", buf, err);
  if(err)
    return;
  make_own(p);
  *value(p, to) = v;
  p->known[to] = true;
}

static void
sync_file(struct model_object *o)
{
  int r = object_sync(&o->store->object, 0, ~0UL);
  if(r != 0)
    panic("sync: %d", r);
  for(u32 i = 0; i < FILE_PAGES; i++)
    for(u32 w = 0; w < WORDS; w++)
      if(inside_file(o, i, w) && store_word(o->store, i * PAGE_SIZE + word_at[w]) != o->word[i][w])
        panic("sync: page %u word %u of the store: %lx instead of %lx", i, w,
              store_word(o->store, i * PAGE_SIZE + word_at[w]), o->word[i][w]);
}

// ---- Drawing a step ----

// What another hart sees of the page.
static void
look(struct model_space *s, u32 page, u32 hart)
{
  u32 here = current->hart->index;
  if(hart == here || s->space == NULL)
    return;
  on_hart(hart);
  run_space(s->space);
  load(s, page);
  on_hart(here);
}

static void
do_step(struct model_space *s, u64 step, u32 i)
{
  u32 n = 1 + (u32)below(min(WINDOW_PAGES - i % WINDOW_PAGES, 7));
  struct model_object *file = &objects[below(FILES)];
  printk("space %ld hart %u step %lu page %u+%u file %ld of %lu\n", s - spaces,
         current->hart->index, step, i, n, file - objects, file->size);
  switch(step){
  case 0 ... 17:  load(s, i); break;
  case 18 ... 36: store(s, i); break;
  case 37 ... 38: fetch(s, i); break;
  case 39 ... 43: map(s, i, n); break;
  case 44 ... 45: unmap(s, i, n); break;
  case 46:        unmap(s, i, (u32)(below(8) ? n : below(PAGES - i) + 1)); break;
  case 47 ... 50: protect(s, i, n); break;
  case 51:        discard(s, i, n); break;
  case 52 ... 53: fork_space(s); break;
  case 54:        end_space(s); break;
  case 55:        resize_file(file); break;
  case 56 ... 57: write_file(file, s, i); break;
  case 58 ... 59: read_file(file, s, i); break;
  case 60:        sync_file(file); break;
  case 61:        objects_shrink(below(64)); break;
  case 62:        objects_write_back(below(64)); break;
  case 63 ... 64: remap(s, i, n, (u32)below(PAGES), below(4) == 0); break;
  default:        populate(s, i, n); break;
  }
}

void
model_step(struct model_space *s)
{
  u32 page = (u32)below(PAGES), other = (u32)below(nharts);
  look(s, page, other);
  do_step(s, below(67), page);
  look(s, page, other);
}

struct model_space *
model_space(void)
{
  struct model_space *live[SPACES];
  u32 n = 0;
  for(u32 k = 0; k < SPACES; k++)
    if(spaces[k].space)
      live[n++] = &spaces[k];
  if(n)
    return live[below(n)];
  spaces[0].space = space_create();
  assert(spaces[0].space != NULL);
  return &spaces[0];
}

void
model_start(void)
{
  for(u32 i = 0; i < FILES; i++){
    objects[i].size = FILE_PAGES / 2 * PAGE_SIZE + 16;
    objects[i].store = store_create(objects[i].size, FILE_PAGES);
    objects[i].users = 1;
  }
}

void
model_end(void)
{
  for(u32 k = 0; k < SPACES; k++)
    if(spaces[k].space)
      end_space(&spaces[k]);
  for(u32 i = 0; i < FILES; i++)
    store_put(objects[i].store);
  assert(stores_alive == 0);
}
