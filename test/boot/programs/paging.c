// SPDX-License-Identifier: MIT
//
// What is done to pages while most of them are in swap slots: moved, locked, made
// inaccessible, shared, forked, unmapped with their tables, read and written through
// themselves.  Every page is stamped, and checked afterwards.
//
//   paging WHAT MIB

#include "kernel/types.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, MIB = 1 << 20, NR_mremap = 216, NR_mlock = 228, NR_mincore = 232 };
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };

static uint64 pages;

static char *
map(uint64 n, int flags)
{
  long r = sys_mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if(r < 0)
    die("mmap: %s", error_text(r));
  return (char *)r;
}

static void
stamp(char *p, uint64 n, uint64 what)
{
  for(uint64 i = 0; i < n; i++)
    *(uint64 *)(p + i * PAGE + i % 500 * 8) = what + i;
}

static void
check(const char *p, uint64 n, uint64 what)
{
  for(uint64 i = 0; i < n; i++){
    uint64 found = *(uint64 *)(p + i * PAGE + i % 500 * 8);
    if(found != what + i)
      die("page %lu: %lx, not %lx", i, found, what + i);
  }
}

// Everything else goes out.
static void
press(void)
{
  char *p = map(pages, MAP_PRIVATE);
  stamp(p, pages, 7);
  check(p, pages, 7);
  sys_munmap(p, pages * PAGE);
}

static int
start(void (*child)(char *p), char *p)
{
  int pid = fork();
  if(pid < 0)
    die("no child");
  if(pid == 0){
    child(p);
    exit(0);
  }
  return pid;
}

static void
finish(int n)
{
  for(int status; n > 0; n--)
    if(wait(&status) < 0 || status != 0)
      die("a child found something else");
}

// ---- Moving ----

static void
child_checks(char *p)
{
  check(p, pages, 1000);
  stamp(p, pages, 2000);
  check(p, pages, 2000);
}

static void
moving(void)
{
  char *p = map(pages, MAP_PRIVATE), *q = map(pages, MAP_PRIVATE);
  stamp(p, pages, 1000);
  start(child_checks, p);
  long r = syscall6(NR_mremap, (long)p, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                    (long)q, 0);
  if(r != (long)q)
    die("mremap: %s", error_text(r));
  check(q, pages, 1000);
  stamp(q, pages, 3000);
  press();
  check(q, pages, 3000);
  finish(1);
}

// ---- Locking ----

static void
locking(void)
{
  enum { LOCKED = 256 };
  static uchar in[LOCKED];
  uint64 there = 0;
  char *p = map(LOCKED, MAP_PRIVATE), *q = map(LOCKED, MAP_PRIVATE);
  stamp(p, LOCKED, 1);
  stamp(q, LOCKED, 2);
  press();
  long r = syscall2(NR_mlock, (long)p, LOCKED * PAGE);
  if(r < 0)
    die("mlock: %s", error_text(r));
  press();
  syscall3(NR_mincore, (long)p, LOCKED * PAGE, (long)in);
  for(int i = 0; i < LOCKED; i++)
    if(!in[i])
      die("page %d is locked, and not in memory", i);
  syscall3(NR_mincore, (long)q, LOCKED * PAGE, (long)in);
  for(int i = 0; i < LOCKED; i++)
    there += in[i];
  if(there > LOCKED / 2)
    die("%lu of %d pages stayed that are not locked", there, LOCKED);
  check(p, LOCKED, 1);
  check(q, LOCKED, 2);
}

// ---- Protection ----

static void
hiding(void)
{
  char *p = map(pages, MAP_PRIVATE);
  stamp(p, pages, 5);
  for(int round = 0; round < 2; round++){
    sys_mprotect(p, pages * PAGE, PROT_NONE);
    press();
    sys_mprotect(p, pages * PAGE, PROT_READ);
    check(p, pages, 5 + round);
    sys_mprotect(p, pages * PAGE, PROT_READ | PROT_WRITE);
    stamp(p, pages, 6 + round);
  }
  check(p, pages, 7);
}

// ---- Sharing ----

static void
child_adds(char *p)
{
  check(p, pages, 1);
  for(uint64 i = 0; i < pages; i += 2)
    *(uint64 *)(p + i * PAGE + i % 500 * 8) = 2 + i;
}

static void
sharing(void)
{
  char *p = map(pages, MAP_SHARED);
  stamp(p, pages, 1);
  press();
  start(child_adds, p);
  finish(1);
  for(uint64 i = 0; i < pages; i++)
    if(*(uint64 *)(p + i * PAGE + i % 500 * 8) != (i % 2 ? 1 : 2) + i)
      die("shared page %lu is not as the child left it", i);
}

// ---- Wanting ----

static void
all_in_memory(const char *p, bool wanted)
{
  enum { N = 256 };
  static uchar in[N];
  uint64 there = 0;
  syscall3(NR_mincore, (long)p, N * PAGE, (long)in);
  for(int i = 0; i < N; i++)
    there += in[i];
  if(there != (wanted ? N : 0))
    die("%lu of %d pages are in memory", there, N);
}

// What goes out comes back when it is said to be wanted, but nothing that was never there.
static void
wanting(void)
{
  static const int how[] = { MAP_PRIVATE, MAP_SHARED };
  for(int i = 0; i < 2; i++){
    char *p = map(pages, how[i]);
    stamp(p, 256, 1);
    sys_madvise(p, 256 * PAGE, MADV_PAGEOUT);
    all_in_memory(p, false);
    if(sys_madvise(p, pages * PAGE, MADV_WILLNEED) < 0)
      die("madvise");
    all_in_memory(p, true);
    all_in_memory(p + 256 * PAGE, false);
    check(p, 256, 1);
  }
}

// ---- Forking ----

static void
child_ends(char *p)
{
  check(p, pages, 1000);
}

static void
forking(void)
{
  char *p = map(pages, MAP_PRIVATE);
  stamp(p, pages, 1000);
  for(int i = 0; i < 3; i++)
    start(child_checks, p);
  start(child_ends, p);
  stamp(p, pages / 2, 4000);
  sys_munmap(p + pages / 2 * PAGE, pages / 2 * PAGE);
  finish(4);
  check(p, pages / 2, 4000);
}

// ---- Tables ----

enum { REGION = 2 * MIB, REGIONS = 6 };

static void
child_presses(char *unused)
{
  for(int i = 0; i < 4; i++)
    press();
}

// Whole tables come and go while what they name is on its way out.
static void
tables(void)
{
  start(child_presses, NULL);
  start(child_presses, NULL);
  for(int status, left = 2, round = 0; left > 0; round++){
    char *p = map((REGIONS + 1) * REGION / PAGE, MAP_PRIVATE), *q = p + REGION - (uint64)p % REGION;
    for(int i = 0; i < REGIONS; i++)
      stamp(q + i * REGION, 8, round + i);
    sys_madvise(q, REGIONS * REGION / 2, MADV_PAGEOUT);
    for(int i = 0; i < REGIONS; i++){
      check(q + i * REGION, 8, round + i);
      sys_munmap(q + i * REGION, REGION);
    }
    sys_munmap(p, (REGIONS + 1) * REGION);
    if(sys_wait4(-1, &status, 1 /* WNOHANG */, NULL) > 0){
      if(status != 0)
        die("a child found something else");
      left--;
    }
  }
}

// ---- A file read and written through its own mapping ----

static char *
map_file(uint64 n, int *fd)
{
  *fd = open("paging.tmp", O_RDWR | O_CREATE | O_TRUNC);
  if(*fd < 0 || sys_ftruncate(*fd, n * PAGE) < 0)
    die("no file");
  sys_unlink("paging.tmp");
  long r = sys_mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  if(r < 0)
    die("mmap: %s", error_text(r));
  return (char *)r;
}

// Buffer and file are the same pages, and none of them is in memory.
static void
self(void)
{
  enum { N = 64, HALF = N / 2, LEN = 5 * PAGE + 100 };
  static char model[N * PAGE];
  int fd;
  char *p = map_file(N, &fd);
  for(int i = 0; i < N * PAGE; i++)
    p[i] = model[i] = i * 7 + i / PAGE;
  for(int round = 0; round < 60; round++){
    uint64 from = round % 2 * HALF * PAGE, to = HALF * PAGE - from;
    from += round * 977 % (HALF * PAGE - LEN), to += round * 3571 % (HALF * PAGE - LEN);
    sys_madvise(p, N * PAGE, MADV_PAGEOUT);
    char *whole = p + round % N * PAGE;              // stays as it is, twice
    if(sys_pwrite(fd, NULL, PAGE, whole - p) >= 0 || sys_pwrite(fd, whole, PAGE, whole - p) != PAGE)
      die("round %d: nothing copied, or a page to itself", round);
    sys_madvise(p, N * PAGE, MADV_PAGEOUT);
    bool writes = round % 4 < 2;
    long r = writes ? sys_pwrite(fd, p + from, LEN, to) : sys_pread(fd, p + to, LEN, from);
    if(r != LEN)
      die("round %d: %ld", round, r);
    memmove(model + to, model + from, LEN);
    if(memcmp(p, model, N * PAGE) != 0)
      die("round %d: the file is not as it should be", round);
  }
}

// ---- Everything dirty ----

static void
dirtying(void)
{
  int fd;
  char *p = map_file(pages, &fd);
  for(int round = 1; round <= 2; round++){
    stamp(p, pages, round);
    check(p, pages, round);
  }
  uint64 found;
  for(uint64 i = 0; i < pages; i++)
    if(sys_pread(fd, &found, sizeof found, i * PAGE + i % 500 * 8) < 0 || found != 2 + i)
      die("page %lu of the file: %lx", i, found);
}

// ---- A large family ----

static long
counter(const char *name)
{
  return setting_figure("/proc/vmstat", name);
}

enum { CHILDREN = 1000, EACH = 4 };

static void
relative(char *p, const int *ready, const int *go, const int *end)
{
  char c = 0;
  for(int i = 0; i < EACH; i++)
    p[i * PAGE] = 1;
  write(ready[1], &c, 1);
  read(go[0], &c, 1);
  sys_madvise(p, EACH * PAGE, MADV_PAGEOUT);
  write(ready[1], &c, 1);
  read(end[0], &c, 1);
  exit(p[0] != 1);
}

// A page costs its own mappings, not all the relatives of its process.
static void
family(void)
{
  int go[2], end[2], ready[2];
  static char c[CHILDREN];
  char *p = map(EACH, MAP_PRIVATE);
  if(pipe(go) < 0 || pipe(end) < 0 || pipe(ready) < 0)
    die("no pipe");
  for(int i = 0, pid; i < CHILDREN; i++){
    if((pid = fork()) == 0)
      relative(p, ready, go, end);
    if(pid < 0)
      die("no child %d", i);
  }
  for(int i = 0; i < CHILDREN; i++)
    read(ready[0], c, 1);
  long visits = counter("quire_rmap_visit"), gone = counter("pgsteal_kswapd");
  write(go[1], c, CHILDREN);
  for(int i = 0; i < CHILDREN; i++)
    read(ready[0], c, 1);
  printf("%ld visits for %ld pages\n", counter("quire_rmap_visit") - visits,
         counter("pgsteal_kswapd") - gone);
  write(end[1], c, CHILDREN);
  finish(CHILDREN);
}

int
main(int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*fn)(void);
  } tests[] = { { "moving", moving }, { "locking", locking }, { "hiding", hiding },
                { "sharing", sharing }, { "wanting", wanting }, { "forking", forking },
                { "tables", tables }, { "self", self }, { "dirtying", dirtying },
                { "family", family } };
  if(argc != 3)
    die("usage: paging WHAT MIB");
  pages = (uint64)atoi(argv[2]) * (MIB / PAGE);
  for(uint i = 0; i < sizeof tests / sizeof tests[0]; i++)
    if(strcmp(tests[i].name, argv[1]) == 0){
      tests[i].fn();
      printf("paging %s: ok\n", argv[1]);
      return 0;
    }
  die("paging: what is %s?", argv[1]);
}
