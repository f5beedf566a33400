// SPDX-License-Identifier: MIT
//
// steps DIRECTORY N: steps 1 to N, each of which makes something last before the next one
// begins, in four ways by turns; all words of what a step writes are STEP | its number.
//
//   n % 4 == 0   step.n is made, two pages, fsync
//           1   page n / 4 of the file `log` is appended, fdatasync
//           2   new.n, a page, fsync; it takes the place of `current`; fsync of the directory
//           3   page n / 4 of the file `map` is stored to through a mapping, msync

#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, WORDS = PAGE / 8, SHARED = 1, READ_WRITE = 3, SYNC = 4, NR_MSYNC = 227,
       NR_FDATASYNC = 83 };
#define STEP 0x5354455000000000UL

static const char *dir;
static uint64 page[WORDS];

static void
must(long r, const char *what)
{
  if(r < 0)
    die("%s: %s", what, error_text(r));
}

static void
fill(uint64 *words, uint64 n)
{
  for(int i = 0; i < WORDS; i++)
    words[i] = STEP | n;
}

static char *
path(const char *name, uint64 n)
{
  struct text t = { 0 };
  text_format(&t, n ? "%s/%s.%lu" : "%s/%s", dir, name, n);
  return t.s;
}

static long
open_file(const char *name, uint64 n, int flags)
{
  char *p = path(name, n);
  long fd = sys_open(p, O_RDWR | flags, 0666);
  must(fd, p);
  free(p);
  return fd;
}

static void
put(long fd, int pages)
{
  for(int i = 0; i < pages; i++)
    must(write_all(fd, page, PAGE), "write");
}

static void
make(const char *name, uint64 n, int pages)
{
  long fd = open_file(name, n, O_CREAT);
  put(fd, pages);
  must(sys_fsync(fd), "fsync");
  sys_close(fd);
}

static void
append(uint64 n)
{
  long fd = open_file("log", 0, O_CREAT | O_APPEND);
  put(fd, 1);
  must(syscall1(NR_FDATASYNC, fd), "fdatasync");
  sys_close(fd);
}

static void
replace(uint64 n)
{
  char *from = path("new", n), *to = path("current", 0);
  make("new", n, 1);
  must(sys_rename(from, to), to);
  long fd = sys_open(dir, O_RDONLY, 0);
  must(fd, dir);
  must(sys_fsync(fd), "fsync of the directory");
  sys_close(fd);
  free(from);
  free(to);
}

static void
store(uint64 n, uint64 *map)
{
  uint64 *words = map + n / 4 * WORDS;
  fill(words, n);
  must(syscall3(NR_MSYNC, (long)words, PAGE, SYNC), "msync");
}

int
main(int argc, char **argv)
{
  long last;
  if(argc != 3 || !parse_long(argv[2], &last))
    die("usage: steps DIRECTORY N");
  dir = argv[1];
  long fd = open_file("map", 0, O_CREAT), bytes = (last / 4 + 1) * PAGE;
  must(sys_ftruncate(fd, bytes), "ftruncate");
  uint64 *map = mmap(0, bytes, READ_WRITE, SHARED, fd, 0);
  for(long n = 1; n <= last; n++){
    fill(page, n);
    switch(n % 4){
    case 0: make("step", n, 2); break;
    case 1: append(n); break;
    case 2: replace(n); break;
    case 3: store(n, map); break;
    }
  }
  printf("steps: %ld\n", last);
  return 0;
}
