// SPDX-License-Identifier: MIT
//
// restart: an instruction that faults is run again, whole and once.  Tried with a
// 4-byte instruction that lies across two absent pages; misaligned loads and
// stores across two pages, each absent, present, shared copy-on-write or, where
// there is swap, in a slot only; and atomic instructions on such a page.  Ends
// with ALL RESTART TESTS PASSED, or status 1.

#include "kernel/riscv.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { NR_mincore = 232 };
enum state { ABSENT, PRESENT, SHARED, AWAY, STATES };   // of a page; SHARED: copy-on-write
static const char *const state_names[] = { "absent", "present", "shared", "away" };

// ---- Pages in given states ----

static struct {
  char *p;                     // two pages
  uchar model[2 * PGSIZE];     // what they must hold
  int pid, fds[2];             // the child that shares them, if pid
} pair;

static void
fill(int page, int seed)
{
  for(int i = page * PGSIZE; i < (page + 1) * PGSIZE; i++)
    pair.p[i] = pair.model[i] = i * 7 + seed + 1;
}

static bool
is_as_model(void)
{
  return memcmp(pair.p, pair.model, 2 * PGSIZE) == 0;
}

// A child that keeps sharing the pages until told to go, and then still finds
// in them what was there when it was made.
static void
share(void)
{
  char c;

  require(pipe(pair.fds) == 0);
  pair.pid = fork();
  require(pair.pid >= 0);
  if(pair.pid > 0)
    return;
  close(pair.fds[1]);
  read(pair.fds[0], &c, 1);
  exit(!is_as_model());
}

static bool
has_swap(void)
{
  struct sys_info s;
  return sys_sysinfo(&s) == 0 && s.totalswap > 0;
}

// Whether they were written to since they came or not, the pages go out of memory.
static void
send_away(char *p, uint64 n)
{
  uchar in[2];
  require(sys_madvise(p, n * PGSIZE, MADV_PAGEOUT) == 0);
  require(syscall3(NR_mincore, (long)p, n * PGSIZE, (long)in) == 0);
  for(uint64 i = 0; i < n; i++)
    require(!in[i]);
}

static void
make_pair(enum state first, enum state second)
{
  enum state states[2] = { first, second };
  long r = sys_mmap(NULL, 2 * PGSIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  require(r > 0);
  pair.p = (char *)r;
  pair.pid = 0;
  memset(pair.model, 0, sizeof(pair.model));
  for(int i = 0; i < 2; i++)
    if(states[i] == SHARED)
      fill(i, 10);
  if(first == SHARED || second == SHARED)
    share();
  for(int i = 0; i < 2; i++)
    if(states[i] == PRESENT || states[i] == AWAY)
      fill(i, 20);
  for(int i = 0; i < 2; i++)
    if(states[i] == AWAY)
      send_away(pair.p + i * PGSIZE, 1);
}

// The pages hold what the model says, for us and for the child.
static void
check_pair(void)
{
  int status;

  require(is_as_model());
  if(pair.pid){
    close(pair.fds[1]);
    close(pair.fds[0]);
    require(wait(&status) == pair.pid && status == 0);
  }
  require(sys_munmap(pair.p, 2 * PGSIZE) == 0);
}

// ---- Instruction fetch ----

int straddle(int n);           // n + 16
extern char straddle_pages[];

// The addi, four bytes, begins in the last two bytes of a page.
__asm__(".section .text.straddle, \"ax\"\n"
        ".balign 4096\n"
        ".global straddle_pages\n"
        "straddle_pages:\n"
        "  .skip 4094\n"
        ".global straddle\n"
        ".type straddle, @function\n"
        "straddle:\n"
        "  .2byte 0x0513, 0x0105\n"      // addi a0, a0, 16
        "  .2byte 0x8082\n"              // ret
        ".size straddle, . - straddle\n"
        "  .skip 4092\n"
        ".previous\n");

static void
test_fetch(void)
{
  for(int round = 0; round < 8; round++){
    // Drops the pages from the page table, not from the file.
    sys_madvise(straddle_pages, 2 * PGSIZE, MADV_DONTNEED);
    if(round & 1)
      *(volatile char *)straddle_pages;
    if(round & 2)
      *(volatile char *)(straddle_pages + PGSIZE);
    require(straddle(round) == round + 16);
  }
  sys_madvise(straddle_pages, 2 * PGSIZE, MADV_PAGEOUT);   // from the file's cache, too
  require(straddle(8) == 24);
}

// The same instruction in pages of our own, shared with a child.
static void
test_fetch_shared(void)
{
  make_pair(PRESENT, PRESENT);
  memcpy(pair.p + PGSIZE - 2, (char *)straddle, 6);
  memcpy(pair.model + PGSIZE - 2, (char *)straddle, 6);
  share();
  require(sys_mprotect(pair.p, 2 * PGSIZE, PROT_READ | PROT_EXEC) == 0);
  __asm__ volatile("fence.i" ::: "memory");
  int (*fn)(int) = (int (*)(int))(pair.p + PGSIZE - 2);
  require(fn(100) == 116);
  check_pair();
}

// ---- Loads and stores across two pages ----

// From model bytes, for comparison.
static uint64
model_value(int at, int size)
{
  uint64 v = 0;
  for(int i = size - 1; i >= 0; i--)
    v = v << 8 | pair.model[at + i];
  return v;
}

// The register that holds the address is the one that is loaded: it must still
// hold the address when the second page's fault is over.
static uint64
load(const char *p, int size)
{
  uint64 x = (uint64)p;

  switch(size){
  case 2: __asm__ volatile("lhu %0, 0(%0)" : "+r"(x) :: "memory"); break;
  case 4: __asm__ volatile("lwu %0, 0(%0)" : "+r"(x) :: "memory"); break;
  default: __asm__ volatile("ld %0, 0(%0)" : "+r"(x) :: "memory");
  }
  return x;
}

static void
store(char *p, int size, uint64 x)
{
  switch(size){
  case 2: __asm__ volatile("sh %1, 0(%0)" :: "r"(p), "r"(x) : "memory"); break;
  case 4: __asm__ volatile("sw %1, 0(%0)" :: "r"(p), "r"(x) : "memory"); break;
  default: __asm__ volatile("sd %1, 0(%0)" :: "r"(p), "r"(x) : "memory");
  }
  for(int i = 0; i < size; i++)
    pair.model[p - pair.p + i] = x >> (8 * i);
}

static void
test_load(enum state first, enum state second, int at, int size)
{
  make_pair(first, second);
  require(load(pair.p + at, size) == model_value(at, size));
  check_pair();
}

static void
test_store(enum state first, enum state second, int at, int size)
{
  make_pair(first, second);
  store(pair.p + at, size, 0x1122334455667788);
  require(load(pair.p + at, size) == model_value(at, size));
  check_pair();
}

static void
test_load_then_store(enum state first, enum state second, int at, int size)
{
  make_pair(first, second);
  store(pair.p + at, size, load(pair.p + at, size) + 1);
  check_pair();
}

static void
test_double(enum state first, enum state second, int at)
{
  double x = 1.5, y;

  make_pair(first, second);
  __asm__ volatile("fld %0, 0(%1)" : "=f"(y) : "r"(pair.p + at) : "memory");
  __asm__ volatile("fsd %1, 0(%0)" :: "r"(pair.p + at), "f"(x) : "memory");
  memcpy(pair.model + at, &x, sizeof(x));
  __asm__ volatile("fld %0, 0(%1)" : "=f"(y) : "r"(pair.p + at) : "memory");
  require(y == 1.5);
  check_pair();
}

static void
test_straddling(enum state first, enum state second)
{
  printf("loads and stores, %s and %s: ", state_names[first], state_names[second]);
  for(int size = 2; size <= 8; size *= 2)
    for(int part = 1; part < size; part += size > 4 ? 3 : 1){
      test_load(first, second, PGSIZE - part, size);
      test_store(first, second, PGSIZE - part, size);
      test_load_then_store(first, second, PGSIZE - part, size);
    }
  test_double(first, second, PGSIZE - 3);
  printf("ok\n");
}

// ---- Atomics ----

// op, suffix: "amoadd", ".d".  Returns the old value through old.
#define AMO(op, p, x, old) \
  __asm__ volatile(op " %0, %2, (%1)" : "=&r"(old) : "r"(p), "r"(x) : "memory")

enum { AMO_KINDS = 6 };

static long
amo(int kind, long *p, long x)
{
  long old;

  switch(kind){
  case 0: AMO("amoadd.d", p, x, old); break;
  case 1: AMO("amoswap.d", p, x, old); break;
  case 2: AMO("amoor.d", p, x, old); break;
  case 3: AMO("amoand.d", p, x, old); break;
  case 4: AMO("amoxor.d", p, x, old); break;
  default: AMO("amomax.d", p, x, old);
  }
  return old;
}

static long
amo_result(int kind, long a, long x)
{
  switch(kind){
  case 0: return a + x;
  case 1: return x;
  case 2: return a | x;
  case 3: return a & x;
  case 4: return a ^ x;
  default: return a > x ? a : x;
  }
}

static void
test_amo(enum state state)
{
  enum { AT = 64, X = 0x123456 };

  for(int kind = 0; kind < AMO_KINDS; kind++){
    make_pair(state, ABSENT);
    long old = model_value(AT, sizeof(long)), new = amo_result(kind, old, X);
    require(amo(kind, (long *)(pair.p + AT), X) == old);
    memcpy(pair.model + AT, &new, sizeof(new));
    check_pair();
  }
}

// The sc faults, and may fail for it; the loop ends, and adds once.
static void
test_lr_sc(enum state state)
{
  enum { AT = 128 };
  long old, failed, rounds = 0;

  make_pair(state, ABSENT);
  long *p = (long *)(pair.p + AT);
  long before = model_value(AT, sizeof(long)), after = before + 1;
  do {
    __asm__ volatile("lr.d.aq %0, (%2)\n"
                     "addi %0, %0, 1\n"
                     "sc.d.rl %1, %0, (%2)"
                     : "=&r"(old), "=&r"(failed) : "r"(p) : "memory");
    rounds++;
  } while(failed && rounds < 1000000);
  require(!failed && old == after);
  memcpy(pair.model + AT, &after, sizeof(after));
  check_pair();
}

int
main(void)
{
  enum state states = has_swap() ? STATES : AWAY;

  printf("fetch across two pages: ");
  test_fetch();
  printf("ok\nfetch across two shared pages: ");
  test_fetch_shared();
  printf("ok\n");
  for(enum state first = 0; first < states; first++)
    for(enum state second = 0; second < states; second++)
      test_straddling(first, second);
  for(enum state s = 0; s < states; s++){
    printf("atomics, %s: ", state_names[s]);
    test_amo(s);
    test_lr_sc(s);
    printf("ok\n");
  }
  printf("ALL RESTART TESTS PASSED\n");
  return 0;
}
