// SPDX-License-Identifier: MIT
//
// Steps that load and store, by instructions and by calls, those that change files, and
// looking at all of it.

#include "world.h"
#include <fcntl.h>
#include <stdio.h>

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
  static u8 all[4 * PAGE];
  int prot = writes ? PROT_READ : PROT_READ | PROT_WRITE;
  if(overlaps(f, off, p, in_page, n) || emulator_differs(p, (in_page + n + PAGE - 1) / PAGE, prot))
    return true;
  if(emulated && !load(all, at(p) + in_page, n))
    return true;
  return writes ? off > file_size(f) && !load(all, at(p) + in_page, 1)
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
  long size = pick_offset();
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
