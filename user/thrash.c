// SPDX-License-Identifier: MIT
//
// thrash: use so much memory in some order, every page stamped with what it is and how
// often it was written, and every touch checked.  For memory that is too small.
//
//   thrash [-p pattern] [-t touches] [-l seconds] [-f children | -o file] [-w percent]
//          [-s seed] MiB
//
// Patterns: seq (in order, again and again), rand, stride (every 17th), zipf (few often),
// phase (a quarter at a time).  Children fork from the stamped region and do the same to
// their copy.  -w: how many touches in a hundred are writes, 50.  -l: for so long instead of
// so often; then every process says how many touches it made.  -o: the memory is that of a
// file, which is made for it.

#include "user/ulib.h"
#include "user/user.h"

enum { TICKS_PER_SECOND = 10, PAGE = 4096, WORDS = PAGE / 8, SAMPLES = 4 };

static uint64 *region;
static uint *generation;         // of each page
static uint64 pages, touches, state;
static long percent = 50, seconds;
static int until;                // uptime(), with -l

static uint64
draw(uint64 n)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % n;
}

static uint64
stamp(uint64 page, uint k)
{
  uint64 x = (page << 32 | generation[page]) * 0x9e3779b97f4a7c15UL + k;
  return x ^ x >> 29;
}

static uint64 *
word(uint64 page, uint k)
{
  return region + page * WORDS + k * (WORDS / SAMPLES) + page % (WORDS / SAMPLES);
}

static void
write_page(uint64 page)
{
  generation[page]++;
  for(uint k = 0; k < SAMPLES; k++)
    *word(page, k) = stamp(page, k);
}

static void
check_page(uint64 page)
{
  for(uint k = 0; k < SAMPLES; k++)
    if(*word(page, k) != stamp(page, k))
      die("page %lu of %lu, written %u times, word %u: %lx is not %lx", page, pages,
          generation[page], k, *word(page, k), stamp(page, k));
}

// ---- Patterns: the page of the i-th touch ----

static uint64 sequential(uint64 i) { return i % pages; }
static uint64 strided(uint64 i) { return i * 17 % pages; }
static uint64 any(uint64 i) { return draw(pages); }

// Page k about as often as 1 / k: uniform in the exponent.
static uint64
zipf(uint64 i)
{
  uint64 bits = 0, k;
  while(pages >> bits)
    bits++;
  k = 1UL << draw(bits);
  k += draw(k);
  return (k - 1) * 7919 % pages;
}

static uint64
phases(uint64 i)
{
  uint64 quarter = pages / 4 + 1, phase = i / (quarter * 8) % 4;
  uint64 page = phase * quarter + draw(quarter);
  return page < pages ? page : pages - 1;
}

static const struct {
  const char *name;
  uint64 (*page)(uint64 i);
} patterns[] = {
  { "seq", sequential }, { "rand", any }, { "stride", strided }, { "zipf", zipf },
  { "phase", phases },
};

static bool
over(uint64 i)
{
  enum { OFTEN = 256 };
  return seconds ? i % OFTEN == 0 && uptime() - until >= 0 : i >= touches;
}

static void
work(uint64 (*page)(uint64 i))
{
  uint64 i;
  for(i = 0; !over(i); i++){
    uint64 p = page(i);
    check_page(p);
    if((long)draw(100) < percent)
      write_page(p);
  }
  for(uint64 p = 0; p < pages; p++)
    check_page(p);
  if(seconds)
    printf("thrash: %lu touches: ok\n", i);
}

// fd: of a file, or -1
static void *
map(uint64 bytes, int fd)
{
  long r = sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
  if(r < 0)
    die("mmap: %s", error_text(r));
  return (void *)r;
}

static int
file_of(const char *name, uint64 bytes)
{
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC);
  if(fd < 0 || sys_ftruncate(fd, bytes) < 0)
    die("cannot make %s", name);
  return fd;
}

static bool
run(uint64 (*page)(uint64 i), long children, uint64 seed)
{
  bool ok = true;
  for(long c = 0; c < children; c++){
    int pid = fork();
    if(pid < 0)
      die("no child");
    if(pid == 0){
      state = seed + c + 1;
      work(page);
      exit(0);
    }
  }
  work(page);
  for(long c = 0; c < children; c++){
    int status;
    wait(&status);
    ok &= status == 0;
  }
  return ok;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "p:t:l:f:o:w:s:",
    "thrash [-p pattern] [-t touches] [-l seconds] [-f children | -o file] [-w percent] "
    "[-s seed] MiB" };
  const char *file = NULL;
  uint64 (*page)(uint64 i) = sequential;
  long mib, many = -1, children = 0, seed = 1;
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    long *number = c == 't' ? &many : c == 'l' ? &seconds : c == 'f' ? &children :
                   c == 'w' ? &percent : &seed;
    if(c == 'o'){
      file = o.value;
      continue;
    }
    if(c != 'p'){
      ok &= parse_size(o.value, number);
      continue;
    }
    page = NULL;
    for(uint i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
      if(strcmp(patterns[i].name, o.value) == 0)
        page = patterns[i].page;
  }
  if(!ok || page == NULL || (file && children) || o.at + 1 != argc ||
     !parse_size(argv[o.at], &mib) || mib < 1)
    usage(&o);
  pages = (uint64)mib * 1024 * 1024 / PAGE;
  touches = many < 0 ? 3 * pages : (uint64)many;
  region = map(pages * PAGE, file ? file_of(file, pages * PAGE) : -1);
  generation = map(pages * sizeof *generation, -1);
  state = (uint64)seed * 88172645463325252UL | 1;
  for(uint64 p = 0; p < pages; p++)
    write_page(p);
  until = uptime() + (int)seconds * TICKS_PER_SECOND;
  if(!run(page, children, state))
    die("a child found something wrong");
  if(!seconds)
    printf("thrash: %ld MiB, %lu touches: ok\n", mib, touches);
  return 0;
}
