// SPDX-License-Identifier: MIT
//
// The steps: each chooses its arguments, says what it does, does it and says what came
// of it, and keeps the model of the arena up to date.

#include "world.h"
#include <fcntl.h>
#include <stdio.h>

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

// Arguments that mmap refuses, or has to bear.
void
do_mismap(void)
{
  struct map m = pick_map();
  u64 addr = (u64)at(m.p), len = (u64)m.n * PAGE, offset = (u64)m.offset * PAGE;
  int fd = (int)descriptor(m), what = roll(10), more = m.flags & MAP_ANONYMOUS;
  m.flags |= MAP_FIXED_NOREPLACE;
  m.readonly = false;
  if(!all_holes(m.p, m.n))
    return;
  say_map(m);
  switch(what){
  case 0: say(" of no bytes"), len = 0; break;
  case 1: say(" at half a page"), addr += PAGE / 2; break;
  case 2: say(" from half a page"), offset += PAGE / 2; break;
  case 3: say(" neither shared nor private"), m.flags &= ~MAP_TYPE; break;
  case 4: say(" of too much"), len = 1UL << 62; break;
  case 5: say(" behind the end of offsets"), offset = -(u64)PAGE; break;
  case 6: say(" of no file"), m.flags &= ~MAP_ANONYMOUS, fd = -1; break;
  case 7: say(" with odd protection"), m.prot |= 0x40; break;
  case 8: say(" beyond user memory"), addr = 1UL << 63; break;
  case 9: say(" with an unknown flag"), m.flags = MAP_SHARED_VALIDATE | more | 1 << 25; break;
  }
  u8 *r = mmap((void *)addr, len, m.prot, m.flags, fd, (off_t)offset);
  if(r == MAP_FAILED){
    say_error();
  } else {
    say(" = there");
    if(r == at(m.p))
      model_map(m);
  }
}

void
do_unmap(void)
{
  int p = pick_page(), n = pick_count(p), odd = one_in(20) ? 1 + roll(2) : 0;
  say_range("munmap", p, n);
  say(")%s", odd == 1 ? " of no bytes" : odd == 2 ? " at half a page" : "");
  int r = munmap(at(p) + (odd == 2 ? PAGE / 2 : 0), odd == 1 ? 0 : (size_t)n * PAGE - PAGE / 2);
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
  static const struct { const char *name; int at, prot, bytes; } odd[] = {
    { " at half a page", PAGE / 2, 0, 0 }, { " to something odd", 0, 0x40, 0 },
    { " of no bytes", 0, 0, -1 },
  };
  int p = pick_page(), n = pick_count(p), prot = pick_prot(), k = roll(20 * COUNT(odd));
  say_range("mprotect", p, n);
  say(", ");
  say_prot(prot);
  say(")");
  if(k < COUNT(odd)){
    say("%s", odd[k].name);
    say_result(mprotect(at(p) + odd[k].at, odd[k].bytes ? 0 : (size_t)n * PAGE,
                        prot | odd[k].prot));
  } else {
    say_result(mprotect(at(p), (size_t)n * PAGE - PAGE / 2, prot));
    model_protect(p, n, prot);
  }
}

// ---- Advice, residence ----

void
do_advise(void)
{
  static const struct { int value; const char *name; int most; } advice[] = {
    { MADV_DONTNEED, "DONTNEED", ARENA }, { MADV_DONTNEED, "DONTNEED", ARENA },
    { MADV_DONTNEED, "DONTNEED", ARENA }, { MADV_FREE, "FREE", ARENA },
    { MADV_WILLNEED, "WILLNEED", ARENA }, { MADV_RANDOM, "RANDOM", ARENA },
    { MADV_NORMAL, "NORMAL", ARENA }, { MADV_SEQUENTIAL, "SEQUENTIAL", ARENA },
    { MADV_POPULATE_READ, "POPULATE_READ", 16 }, { MADV_POPULATE_WRITE, "POPULATE_WRITE", 16 },
    { 77, "77", ARENA },
  };
  int k = roll(COUNT(advice)), p = pick_page(), n = pick_count(p), odd = one_in(20);
  if(n > advice[k].most)
    n = advice[k].most;
  say_range("madvise", p, n);
  say(", %s)%s", advice[k].name, odd ? " at half a page" : "");
  size_t len = (size_t)n * PAGE;
  say_result(madvise(at(p) + (odd ? PAGE / 2 : 0), len, advice[k].value));
  // What was freed may come back or not: have it gone.
  if(advice[k].value == MADV_FREE && !odd)
    madvise(at(p), len, MADV_DONTNEED);
  new_ids(p, n);
}

void
do_mincore(void)
{
  int p = pick_page(), n = pick_count(p), odd = one_in(10);
  u8 byte, vec[ARENA];
  say_range("mincore", p, n);
  say(")%s", odd ? " at half a page" : "");
  bool there = load(&byte, at(p), 1);
  int r = mincore(at(p) + (odd ? PAGE / 2 : 0), (size_t)n * PAGE, vec);
  say_result(r);
  if(r == 0 && there)
    say(", the first %s", vec[0] & 1 ? "is in" : "is not in");
}

void
do_msync(void)
{
  static const int all[] = {
    MS_SYNC, MS_SYNC, MS_ASYNC, MS_INVALIDATE, MS_SYNC | MS_INVALIDATE, MS_SYNC | MS_ASYNC, 0, 64,
  };
  int p = pick_page(), n = pick_count(p), flags = all[roll(COUNT(all))], odd = one_in(10);
  say_range("msync", p, n);
  say(", ");
  FLAGS(flags, { MS_SYNC, "SYNC" }, { MS_ASYNC, "ASYNC" }, { MS_INVALIDATE, "INVALIDATE" });
  say(")%s", odd ? " at half a page" : "");
  say_result(msync(at(p) + (odd ? PAGE / 2 : 0), (size_t)n * PAGE, flags));
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
  int most = pick_count(m.p);
  m.n = 1;
  while(m.n < most && pages[m.p].kind != HOLE && pages[m.p + m.n].id == pages[m.p].id)
    m.n++;
  m.new_n = one_in(3) ? m.n : roll(m.n + 4);
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
  u8 *r = mremap(at(m.p), len, new_len, m.flags, at(m.to));
  if(r != MAP_FAILED && r != at(m.p) && !(m.flags & MREMAP_FIXED)){
    say(", moved");
    m.flags |= MREMAP_FIXED;         // from where the kernel put it to a place of ours
    r = mremap(r, new_len, new_len, MREMAP_MAYMOVE | MREMAP_FIXED, at(m.to));
  }
  if(r == MAP_FAILED){
    say_error();
  } else {
    int p = (int)((r - BASE) / PAGE);
    say(" = p%d", p);
    model_remap(m, p);
  }
}

// ---- Loads, stores, calls ----

void
do_load(void)
{
  static u8 buf[2 * PAGE];
  int p = pick_page(), in_page = pick_in_page(), n = 1 + roll(2 * PAGE);
  say("load(p%d+%d, %d)", p, in_page, n);
  if(load(buf, at(p) + in_page, n))
    say_contents(buf, n);
  else
    say_fault(at(p) + in_page);
}

void
do_store(void)
{
  static u8 buf[3 * PAGE];
  int p = pick_page(), in_page = pick_in_page(), n = 1 + roll(one_in(2) ? 64 : 3 * PAGE);
  say("store(p%d+%d, %d)", p, in_page, n);
  if(behind_end(p, in_page, n)){
    say(" left out");
    return;
  }
  make_pattern(buf, n, now);
  if(!store(at(p) + in_page, buf, n))
    say_fault(at(p) + in_page);
}

#ifdef __riscv
static const u8 code[] = { 0x82, 0x80 };
#else
static const u8 code[] = { 0xc3, 0x90 };
#endif

static void
do_call_at(u8 *to)
{
  if(call(to))
    say(" came back");
  else
    say_fault(to);
}

// Code that returns at once, or whatever there is where nothing may be executed.  (Of two
// reasons to fault, not executable and behind the end of a file, machines prefer either.)
void
do_call(void)
{
  int p = pick_page();
  u8 old[sizeof(code)];
  bool there = load(old, at(p), sizeof(old));
  say("call(p%d)", p);
  if(!(pages[p].prot & PROT_EXEC)){
    if(there || faulted_by_protection())
      do_call_at(at(p));
  } else if(there && !behind_end(p, 0, sizeof(code)) && store(at(p), code, sizeof(code))){
    __builtin___clear_cache((char *)at(p), (char *)at(p) + sizeof(code));
    do_call_at(at(p));
    store(at(p), old, sizeof(old));
  }
}

// ---- Files ----

static long
pick_offset(void)
{
  return (one_in(16) ? FAR : roll(9)) * (long)PAGE + (one_in(2) ? 0 : roll(PAGE));
}

// May the transfer do what is left open?  (Beside what world.h has: Linux 6.18 lets a file
// grow up to where nothing could be written.)
static bool
io_open(int f, bool writes, long off, int p, int in_page, int n)
{
  u8 byte;
  if(overlaps(f, off, p, in_page, n))
    return true;
  return writes ? off > file_size(f) && !load(&byte, at(p) + in_page, 1)
                : behind_end(p, in_page, n);
}

void
do_io(void)
{
  static const char *const names[] = { "read", "write", "pread", "pwrite" };
  int how = roll(4), f = pick_file(), p = pick_page(), in_page = pick_in_page();
  int n = roll(one_in(2) ? 100 : 3 * PAGE), fd = files[f][one_in(10)];
  long off = pick_offset();
  say("%s(f%d%s, p%d+%d, %d", names[how], f, fd == files[f][1] ? " (read only)" : "", p, in_page,
      n);
  if(how < 2)
    off = lseek(fd, 0, SEEK_CUR);
  say(how < 2 ? ") from %ld" : ", %ld)", off);
  if(io_open(f, how & 1, off, p, in_page, n)){
    say(" left out");
    return;
  }
  u8 *buf = at(p) + in_page;
  say_result(how == 0 ? read(fd, buf, (size_t)n) : how == 1 ? write(fd, buf, (size_t)n) :
             how == 2 ? pread(fd, buf, (size_t)n, off) : pwrite(fd, buf, (size_t)n, off));
}

void
do_seek(void)
{
  int f = pick_file();
  long off = pick_offset();
  say("seek(f%d, %ld)", f, off);
  say_result(lseek(files[f][0], off, SEEK_SET));
}

void
do_truncate(void)
{
  int f = pick_file();
  long size = one_in(12) ? -1 : pick_offset();
  bool readonly = one_in(12);
  say("ftruncate(f%d%s, %ld) from %ld", f, readonly ? " (read only)" : "", size, file_size(f));
  say_result(ftruncate(files[f][readonly], size));
}

void
do_fsync(void)
{
  int f = pick_file();
  say("fsync(f%d)", f);
  say_result(fsync(files[f][0]));
}

// Names come and go while what they named stays mapped.
void
do_name(void)
{
  int k = roll(NAMES), l = roll(NAMES), how = roll(5);
  char from[32], to[32];
  strcpy(from, file_name(k));
  strcpy(to, file_name(l));
  if(how == 0){
    say("unlink(name%d)", k);
    say_result(unlink(from));
  } else if(how == 1){
    say("rename(name%d, name%d)", k, l);
    say_result(rename(from, to));
  } else if(how == 2){
    long size = pick_offset();
    say("truncate(name%d, %ld)", k, size);
    say_result(truncate(from, size));
  } else {
    say("open(name%d, %s)", k, how == 3 ? "CREAT|TRUNC" : "CREAT|EXCL");
    say_result(add_file(k, how == 3 ? O_CREAT | O_TRUNC : O_CREAT | O_EXCL));
  }
}

// ---- Looking ----

static void
view(int p)
{
  u8 buf[PAGE];
  if(load(buf, at(p), PAGE))
    say_contents(buf, PAGE);
  else
    say_fault(at(p));
}

// Neighbours that show the same share a line.
void
look(void)
{
  char last[512] = "";
  say("look");
  for(int i = 0; i < CORE; i++){
    int start = said();
    view(core(i));
    const char *seen = take_said(start);
    if(i > 0 && strcmp(seen, last) == 0){
      say(", %d", core(i));
      continue;
    }
    strcpy(last, seen);
    say("\n   %s: p%d", seen, core(i));
  }
}

// What read shows, at the front of each file and where the far offsets are.
void
look_at_files(void)
{
  u8 buf[PAGE];
  for(int f = 0; f < nfiles; f++){
    say("\nf%d of %ld", f, file_size(f));
    for(int i = 0; i < 24; i++){
      int index = i < 12 ? i : FAR + i - 16;
      ssize_t n = pread(files[f][1], buf, PAGE, (off_t)index * PAGE);
      if(n == 0)
        continue;
      say("\n    page %d:", index);
      if(n > 0)
        say_contents(buf, (int)n);
      else
        say_error();
    }
  }
}
