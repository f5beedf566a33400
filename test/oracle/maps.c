// SPDX-License-Identifier: MIT
//
// Steps that change what is mapped, and how: each chooses its arguments, says what it
// does, does it, says what came of it, and keeps the model of the arena up to date.

#include "world.h"

#define FLAGS(flags, ...) do { \
    static const struct flag table[] = { __VA_ARGS__ }; \
    say_flags(table, COUNT(table), flags); \
  } while(0)

static void
say_prot(int prot)
{
  FLAGS(prot, { PROT_READ, "R" }, { PROT_WRITE, "W" }, { PROT_EXEC, "X" });
}

static void
say_map_flags(int flags)
{
  FLAGS(flags, { MAP_SHARED_VALIDATE, "VALIDATE" }, { MAP_SHARED, "SHARED" },
        { MAP_PRIVATE, "PRIVATE" }, { MAP_FIXED_NOREPLACE, "NOREPLACE" }, { MAP_FIXED, "FIXED" },
        { MAP_ANONYMOUS, "ANON" }, { MAP_POPULATE, "POPULATE" }, { MAP_NORESERVE, "NORESERVE" });
}

static void
say_range(const char *call, int p, int n)
{
  say("%s(p%d, %d pages", call, p, n);
}

// ---- Mapping ----

struct map {
  int p, n, prot, flags, file;
  bool readonly;
  long offset;                  // in pages
};

static struct map
pick_map(void)
{
  static const int places[] = {
    MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE, 0,
  };
  struct map m = { .p = pick_page(), .prot = pick_prot(), .file = -1 };
  m.n = pick_count(m.p);
  m.flags = (one_in(2) ? MAP_SHARED : MAP_PRIVATE) | places[roll(COUNT(places))];
  if(one_in(8) && m.n < 16)
    m.flags |= MAP_POPULATE;
  if(one_in(16))
    m.flags |= MAP_NORESERVE;
  if(one_in(2)){
    m.flags |= MAP_ANONYMOUS;
  } else {
    m.file = pick_file();
    m.readonly = one_in(4);
    m.offset = one_in(20) ? FAR : roll(8);
  }
  return m;
}

static long
descriptor(struct map m)
{
  return m.file < 0 ? -1 : files[m.file][m.readonly];
}

static void
say_map(struct map m)
{
  say_range("mmap", m.p, m.n);
  say(", ");
  say_prot(m.prot);
  say(", ");
  say_map_flags(m.flags);
  if(m.file >= 0)
    say(", f%d%s at page %ld", m.file, m.readonly ? " (read only)" : "", m.offset);
  say(")");
}

static void
model_map(struct map m)
{
  bool shared = (m.flags & MAP_TYPE) != MAP_PRIVATE;
  set_pages(m.p, m.n, (struct page){
    .kind = m.file < 0 ? ANON : FILED, .shared = shared, .readonly = shared && m.readonly,
    .prot = m.prot, .file = m.file, .index = (int)m.offset,
  });
}

// The kernel chose the place: anything that is free.  Looked at, and taken away.
static void
elsewhere(u8 *r, struct map m)
{
  u8 buf[PAGE];
  bool inside = r < at(ARENA) && r + (long)m.n * PAGE > BASE;
  say(" = elsewhere%s%s:", (uintptr_t)r % PAGE ? ", unaligned" : "", inside ? ", on others" : "");
  if(load(buf, r, PAGE))
    say_contents(buf, PAGE);
  else
    say_fault(r);
  munmap(r, (size_t)m.n * PAGE);
}

void
do_map(void)
{
  struct map m = pick_map();
  bool hint = !(m.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)), nowhere = hint && one_in(2);
  bool taken = !all_holes(m.p, m.n);
  if((m.flags & MAP_FIXED_NOREPLACE) && taken && emulated)
    return;
  if((m.flags & MAP_FIXED_NOREPLACE) && taken)
    m.prot = PROT_READ;              // one reason to refuse is enough
  say_map(m);
  u8 *r = mmap(nowhere ? NULL : at(m.p), (size_t)m.n * PAGE, m.prot, m.flags, (int)descriptor(m),
               m.offset * PAGE);
  if(r == MAP_FAILED){
    say_error();
  } else if(r != at(m.p) || nowhere || (hint && taken)){
    elsewhere(r, m);
  } else {
    say(" = there");
    model_map(m);
  }
}

void
do_unmap(void)
{
  int p = pick_page(), n = pick_count(p);
  say_range("munmap", p, n);
  say(")");
  int r = munmap(at(p), (size_t)n * PAGE - PAGE / 2);
  say_result(r);
  if(r == 0)
    set_pages(p, n, (struct page){ .kind = HOLE });
}

// Up to a hole or a page that may not become writable, it is done.
static void
model_protect(int p, int n, int prot)
{
  int to = first_hole(p, n);
  for(int q = p; q < to; q++){
    if((prot & PROT_WRITE) && pages[q].readonly)
      to = q;
    else
      pages[q].prot = prot;
  }
  new_ids(p, to - p);
}

void
do_protect(void)
{
  int p = pick_page(), n = pick_count(p), prot = pick_prot();
  say_range("mprotect", p, n);
  say(", ");
  say_prot(prot);
  say(")");
  if(emulator_differs(p, n, PROT_NONE)){
    say(" left out");
    return;
  }
  say_result(mprotect(at(p), (size_t)n * PAGE - PAGE / 2, prot));
  model_protect(p, n, prot);
}

// ---- Advice, residence ----

// Memory that may be written and not read can be read, but not everybody grants it.
static bool
write_only(int p, int n)
{
  for(int q = p; q < p + n; q++)
    if(pages[q].prot == PROT_WRITE)
      return true;
  return false;
}

void
do_advise(void)
{
  static const struct { int value; const char *name; int most; } advice[] = {
    { MADV_DONTNEED, "DONTNEED", ARENA }, { MADV_DONTNEED, "DONTNEED", ARENA },
    { MADV_DONTNEED, "DONTNEED", ARENA }, { MADV_FREE, "FREE", ARENA },
    { MADV_WILLNEED, "WILLNEED", ARENA }, { MADV_RANDOM, "RANDOM", ARENA },
    { MADV_NORMAL, "NORMAL", ARENA }, { MADV_SEQUENTIAL, "SEQUENTIAL", ARENA },
    { MADV_POPULATE_READ, "POPULATE_READ", 16 }, { MADV_POPULATE_WRITE, "POPULATE_WRITE", 16 },
  };
  int k = roll(COUNT(advice)), p = pick_page(), n = pick_count(p);
  if(n > advice[k].most)
    n = advice[k].most;
  say_range("madvise", p, n);
  say(", %s)", advice[k].name);
  if(advice[k].value == MADV_POPULATE_READ && write_only(p, n)){
    say(" left out");
    return;
  }
  size_t len = (size_t)n * PAGE;
  say_result(madvise(at(p), len, advice[k].value));
  // What was freed may come back or not: have it gone.
  if(advice[k].value == MADV_FREE)
    madvise(at(p), len, MADV_DONTNEED);
  new_ids(p, n);
}

void
do_mincore(void)
{
  int p = pick_page(), n = pick_count(p);
  u8 byte, vec[ARENA];
  say_range("mincore", p, n);
  say(")");
  bool there = load(&byte, at(p), 1);
  int r = mincore(at(p), (size_t)n * PAGE, vec);
  say_result(r);
  if(r == 0 && there)
    say(", the first %s", vec[0] & 1 ? "is in" : "is not in");
}

void
do_msync(void)
{
  static const int all[] = {
    MS_SYNC, MS_SYNC, MS_ASYNC, MS_INVALIDATE, MS_SYNC | MS_INVALIDATE, 0,
  };
  int p = pick_page(), n = pick_count(p), flags = all[roll(COUNT(all))];
  say_range("msync", p, n);
  say(", ");
  FLAGS(flags, { MS_SYNC, "SYNC" }, { MS_ASYNC, "ASYNC" }, { MS_INVALIDATE, "INVALIDATE" });
  say(")");
  say_result(msync(at(p), (size_t)n * PAGE, flags));
}

void
do_lock(void)
{
  int p = pick_page(), n = 1 + roll(8);
  bool lock = one_in(2);
  say_range(lock ? "mlock" : "munlock", p, n);
  say(")");
  say_result(lock ? mlock(at(p), (size_t)n * PAGE) : munlock(at(p), (size_t)n * PAGE));
  new_ids(p, first_hole(p, n) - p);
}

// ---- mremap ----

struct remap {
  int p, n, to, new_n, flags;
};

static void
say_remap(struct remap m)
{
  say_range("mremap", m.p, m.n);
  say(", %d pages, ", m.new_n);
  FLAGS(m.flags, { MREMAP_MAYMOVE, "MAYMOVE" }, { MREMAP_FIXED, "FIXED" },
        { MREMAP_DONTUNMAP, "DONTUNMAP" });
  if(m.flags & MREMAP_MAYMOVE)
    say(", p%d", m.to);
  say(")");
}

// One mapping from its first page on, as far as is surely one.
static struct remap
pick_remap(void)
{
  static const int flags[] = {
    0, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED,
    MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, MREMAP_FIXED,
  };
  struct remap m = { .p = pick_page(), .to = pick_page(), .flags = flags[roll(COUNT(flags))] };
  int room = ARENA - (m.to > m.p ? m.to : m.p), most = pick_count(m.p);
  m.n = 1;
  while(m.n < most && m.n < room && pages[m.p].id && pages[m.p + m.n].id == pages[m.p].id)
    m.n++;
  m.new_n = one_in(3) ? m.n : roll(m.n + 4);
  m.new_n = m.new_n < room ? m.new_n : room;
  if(one_in(8) && pages[m.p].kind != HOLE && pages[m.p].shared)
    m.n = 0;
  if(m.flags & MREMAP_DONTUNMAP)
    m.new_n = m.n;
  return m;
}

static void
model_remap(struct remap m, int at)
{
  static struct page old[ARENA];
  struct page first = pages[m.p];
  memcpy(old, pages + m.p, sizeof(old[0]) * (size_t)m.n);
  if(at == m.p && m.new_n < m.n)
    set_pages(m.p + m.new_n, m.n - m.new_n, (struct page){ .kind = HOLE });
  if(at != m.p && m.n > 0 && !(m.flags & MREMAP_DONTUNMAP))
    set_pages(m.p, m.n, (struct page){ .kind = HOLE });
  if(at != m.p || m.new_n > m.n)
    set_pages(at, m.new_n, first);
}

void
do_remap(void)
{
  struct remap m = pick_remap();
  size_t len = (size_t)m.n * PAGE, new_len = (size_t)m.new_n * PAGE;
  say_remap(m);
  if(m.flags & MREMAP_DONTUNMAP)
    munlockall();                    // Linux unlocks what else was in the same mapping, too
  u8 *r = mremap(at(m.p), len, new_len, m.flags, at(m.to));
  if(r != MAP_FAILED && r != at(m.p) && !(m.flags & MREMAP_FIXED)){
    say(", moved");
    m.flags |= MREMAP_FIXED;         // from where the kernel put it to a place of ours
    r = mremap(r, new_len, new_len, MREMAP_MAYMOVE | MREMAP_FIXED, at(m.to));
  }
  if(r == MAP_FAILED){
    if(m.n == 0 && (m.flags & MREMAP_FIXED) && m.to == m.p)
      set_pages(m.to, m.new_n, (struct page){ .kind = HOLE });   // it was cleared beforehand
    say_error();
  } else {
    int p = (int)((r - BASE) / PAGE);
    say(" = p%d", p);
    model_remap(m, p);
  }
}
