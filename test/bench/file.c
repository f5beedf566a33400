// SPDX-License-Identifier: MIT
//
// Rows: files of the current directory.

#include "bench.h"

enum { FILE_BYTES = MIB, FILE_PAGES = FILE_BYTES / PAGE, MODE = 0644, STEP = 8 };
enum { NR_msync = 227, MS_SYNC = 4 };

static uint64 block[PAGE / sizeof(uint64)];

// Every eighth word, so that filling costs little beside the write.
static void
fill_block(uint64 i)
{
  for(uint k = 0; k < PAGE / sizeof(uint64); k += STEP)
    block[k] = scramble(i) + k;
}

static bool
block_is(uint64 i)
{
  enum { LAST = PAGE / sizeof(uint64) - STEP };
  return block[0] == scramble(i) && block[LAST] == scramble(i) + LAST;
}

static long
open_new(const char *path)
{
  return sys_open(path, O_RDWR | O_CREAT | O_TRUNC, MODE);
}

static bool
write_file(int fd)
{
  bool ok = true;
  for(uint64 i = 0; i < FILE_PAGES; i++){
    fill_block(i);
    ok &= sys_write(fd, block, PAGE) == PAGE;
  }
  return ok;
}

// ---- 4 KiB at a time, from the beginning to the end ----

static bool
seq_round(const char *path, int fd)
{
  struct kstat st;
  bool ok = true;
  CLOCK_RUN(0);
  ok &= write_file(fd);
  CLOCK_STOP(0);
  ok &= sys_lseek(fd, 0, SEEK_SET) == 0;
  CLOCK_RUN(1);
  for(uint64 i = 0; i < FILE_PAGES; i++){
    ok &= sys_read(fd, block, PAGE) == PAGE;
    ok &= block_is(i);
  }
  CLOCK_STOP(1);
  return ok && sys_stat(path, &st) == 0 && st.size == FILE_BYTES;
}

void
file_seq(void)
{
  static const char path[] = "bench.dat";
  bool ok = true;
  for(uint round = 0; round <= ROUNDS; round++){
    long fd = open_new(path);
    if(fd < 0){
      cannot("file_write_seq", "open", fd);
      return;
    }
    ok &= seq_round(path, fd);
    sys_close(fd);
    if(round == 0){
      CLOCK_RESET(0);
      CLOCK_RESET(1);
    }
  }
  sys_unlink(path);
  result("file_write_seq", ROUNDS * FILE_PAGES, "4 KiB", ok);
  result2("file_read_seq", ROUNDS * FILE_PAGES, "4 KiB", ok);
}

// ---- A mapped file, in the page cache ----

enum { MAP_ROUNDS = 8 * ROUNDS, STORE_AT = 9 };

static bool
map_read(int fd)
{
  uint64 sum = 0, expected = 0;
  CLOCK_RUN(0);
  uchar *p = (uchar *)sys_mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  if((long)p < 0)
    return false;
  for(uint64 i = 0; i < FILE_PAGES; i++)
    sum += *(volatile uchar *)(p + i * PAGE);
  CLOCK_STOP(0);
  for(uint64 i = 0; i < FILE_PAGES; i++)
    expected += (uchar)scramble(i);
  sys_munmap(p, FILE_BYTES);
  return sum == expected;
}

// What is stored in the mapping, read() must give, and leave the rest alone.
static bool
stores_are_read(int fd, uint round)
{
  bool ok = sys_lseek(fd, 0, SEEK_SET) == 0;
  for(uint64 i = 0; i < FILE_PAGES; i++){
    ok = ok && sys_read(fd, block, PAGE) == PAGE && block[0] == scramble(i);
    ok = ok && ((uchar *)block)[STORE_AT] == (uchar)(tag_of(i) + round);
  }
  return ok;
}

// => msync's answer
static long
map_write(int fd, uint round)
{
  CLOCK_RUN(1);
  uchar *p = (uchar *)sys_mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if((long)p < 0)
    return (long)p;
  for(uint64 i = 0; i < FILE_PAGES; i++)
    *(volatile uchar *)(p + i * PAGE + STORE_AT) = tag_of(i) + round;
  long r = syscall3(NR_msync, (long)p, FILE_BYTES, MS_SYNC);
  CLOCK_STOP(1);
  sys_munmap(p, FILE_BYTES);
  return r;
}

static void
map_write_rounds(int fd)
{
  bool ok = true;
  for(uint round = 0; round <= MAP_ROUNDS; round++){
    long r = map_write(fd, round);
    if(r != 0){
      cannot("file_mmap_write_msync", "msync", r);
      return;
    }
    if(round == 0)
      CLOCK_RESET(1);
    ok = ok && stores_are_read(fd, round);
  }
  result2("file_mmap_write_msync", MAP_ROUNDS * FILE_PAGES, "page", ok);
}

void
file_mmap(void)
{
  static const char path[] = "bench.map";
  long fd = open_new(path);
  if(fd < 0){
    cannot("file_mmap_read", "open", fd);
    return;
  }
  bool ok = write_file(fd);
  for(uint round = 0; round <= MAP_ROUNDS; round++){
    ok = map_read(fd) && ok;
    if(round == 0)
      CLOCK_RESET(0);
  }
  result("file_mmap_read", MAP_ROUNDS * FILE_PAGES, "page", ok);
  map_write_rounds(fd);
  sys_close(fd);
  sys_unlink(path);
}

// ---- Names ----

static const char name[] = "b.name";
static int expected_fd;

static bool
open_pass(uint64 n)
{
  bool ok = true;
  for(uint64 i = 0; i < n; i++){
    ok &= sys_open(name, O_RDONLY, 0) == expected_fd;
    ok &= sys_close(expected_fd) == 0;
  }
  return ok;
}

static bool
stat_pass(uint64 n)
{
  struct kstat st;
  bool ok = true;
  for(uint64 i = 0; i < n; i++)
    ok &= sys_stat(name, &st) == 0 && st.size == expected_fd;
  return ok;
}

// With a file that has some bytes, as many as its descriptor's number.
static void
with_file(const char *row, const char *unit, bool (*pass)(uint64), uint64 n)
{
  long fd = open_new(name);
  if(fd < 0){
    cannot(row, "open", fd);
    return;
  }
  expected_fd = fd;
  sys_write(fd, block, fd);
  sys_close(fd);
  measure(row, unit, pass, n);
  sys_unlink(name);
}

void
open_close(void)
{
  with_file("open_close", "pair", open_pass, 300 * scale);
}

void
stat_file(void)
{
  with_file("stat", "call", stat_pass, 300 * scale);
}

static bool
create_pass(uint64 n)
{
  bool ok = true;
  for(uint64 i = 0; i < n; i++){
    long fd = sys_open(name, O_RDWR | O_CREAT | O_EXCL, MODE);
    ok &= fd >= 0;
    ok &= sys_close(fd) == 0;
    ok &= sys_unlink(name) == 0;
  }
  return ok && sys_open(name, O_RDONLY, 0) == -ENOENT;
}

void
create_unlink(void)
{
  sys_unlink(name);
  measure("create_unlink", "file", create_pass, 200 * scale);
}
