// SPDX-License-Identifier: MIT
//
// fuzz: random system calls with random arguments: all numbers and some beyond,
// pointers to nowhere, calls that take their own memory away.  The kernel must
// survive it; the calling processes need not.
//
//   -n N   calls, all together            -s N   seed; default: a random one, said
//   -p N   processes at once              -f     let allocations fail, too
//
// A worker is forked by a keeper, which forks the next when that one has died, and
// kills it when it does not get on.

#include "user/ulib.h"
#include "user/user.h"

enum {
  PAGE = 4096, ARENA_PAGES = 512, CALLS_EACH = 2000, PATIENCE_MS = 300, TICK_MS = 10,
  NR_MAX = 300, NR_BEYOND = 500,
  NR_KILL = 129, NR_TGKILL = 131, NR_REBOOT = 142, NR_PRLIMIT = 261, NR_MKNODAT = 33,
  NR_SYSLOG = 116, NR_CLONE = 220,
};

#define ARENA 0x1000000000L

// What arguments of a call are: d descriptor, p path, b buffer, n size, a address
// in the arena, i small integer, f flags, t directory descriptor, l anything, and
// s pointer to pointers to strings.
static const struct signature { int nr; const char *arguments; } signatures[] = {
  { 17, "bn" }, { 23, "d" }, { 24, "ddf" }, { 25, "dil" }, { 29, "dlb" }, { 33, "tpf" },
  { 34, "tpf" }, { 35, "tpf" }, { 36, "ptp" }, { 37, "tptpf" }, { 38, "tptp" }, { 43, "pb" },
  { 44, "db" }, { 45, "pn" },
  { 46, "dn" }, { 48, "tpi" }, { 49, "p" }, { 50, "d" },
  { 52, "df" }, { 53, "tpf" }, { 54, "tpiif" }, { 56, "tpff" }, { 56, "tpff" }, { 57, "d" },
  { 59, "bf" }, { 61, "dbn" }, { 62, "dni" }, { 63, "dbn" }, { 64, "dbn" }, { 65, "dbi" },
  { 66, "dbi" }, { 67, "dbnn" }, { 68, "dbnn" }, { 72, "ibbbbb" }, { 73, "bibbn" },
  { 78, "tpbn" }, { 79, "tpbf" }, { 80, "db" }, { 82, "d" }, { 88, "tpbf" }, { 98, "bifbbi" },
  { 101, "bb" }, { 113, "ib" }, { 115, "ifbb" }, { 134, "ibbi" }, { 135, "ibbi" }, { 153, "b" },
  { 154, "ii" }, { 160, "b" }, { 165, "ib" }, { 179, "b" }, { 214, "a" }, { 215, "an" },
  { 215, "an" }, { 216, "annfa" }, { 220, "flbbl" }, { 221, "pss" }, { 222, "anffdn" },
  { 222, "anffdn" }, { 222, "anffdn" }, { 226, "anf" }, { 226, "anf" }, { 227, "anf" },
  { 228, "an" }, { 232, "anb" }, { 233, "ani" }, { 233, "ani" }, { 259, "aaf" }, { 260, "ibfb" },
  { 261, "iibb" }, { 276, "tptpf" }, { 278, "bnf" }, { 291, "tpffb" },
};

static const char *const paths[] = {
  "a", "b", "dir", "dir/a", "dir/../b", "dir/sub/c", "link", ".", "..", "/", "", "program",
  "null", "zero", "full", "/proc/self/maps", "/proc/self/stat", "/proc/meminfo",
  "/proc/self/fd/3", "nowhere/x", "//./a", "a/", "program/", "dir/a/b", "fifo",
};

struct shared { uint64 calls, most, progress[64]; };
static struct shared *shared;            // mapped by all, unless a call takes it away

static uint64 seed;
static char buffers[4][4 * PAGE];
static char long_path[2 * PAGE];
static bool fail_allocations;

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64
random_bits(void)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed * 0x2545f4914f6cdd1dUL;
}

static uint64
below(uint64 n)
{
  return (random_bits() >> 16) % n;
}

// ---- Arguments ----

static uint64
random_size(void)
{
  static const uint64 sizes[] = {
    0, 1, 7, 8, 63, 511, 512, 4095, 4096, 4097, 3 * 4096, 65536, 1UL << 20, 1UL << 24, 1UL << 31,
    1UL << 32, 1UL << 38, 1UL << 40, 1UL << 62, 1UL << 63, ~0UL, ~0UL >> 1, ~4095UL, -1UL << 31,
  };
  return below(3) ? below(20000) : sizes[below(COUNT(sizes))];
}

static uint64
random_address(void)
{
  static const uint64 bad[] = {
    0, 1, 0xfff, 0x10000, 0x80000000, 0x80200000, 0x3fbffff000, 0x3fc0000000, 0x3ffffffff8,
    0x4000000000, 0x8000000000, 0xffffffc000000000, 0xffffffc080200000, 0xffffffff80200000,
    0xffffffe000001000, 0xfffffffffffffff8, ~0UL, 1UL << 63,
  };
  if(below(20) == 0)
    return (uint64)random_address & ~4095UL;   // our own text
  return bad[below(COUNT(bad))] + (below(4) ? 0 : below(64));
}

static uint64
random_arena(void)
{
  return ARENA + below(ARENA_PAGES) * PAGE + (below(8) ? 0 : below(PAGE));
}

// Filled with what calls look for in memory: small numbers, addresses, paths.
static uint64
random_buffer(void)
{
  if(below(8) == 0)
    return below(2) ? random_address() : random_arena();
  uint64 *b = (uint64 *)buffers[below(4)];
  for(int i = 0; i < 16; i++)
    switch(below(5)){
    case 0: b[i] = random_size(); break;
    case 1: b[i] = (uint64)buffers[below(4)]; break;
    case 2: b[i] = random_arena(); break;
    case 3: b[i] = random_bits(); break;
    default: b[i] = below(16);
    }
  return (uint64)b + (below(4) ? 0 : 4 * PAGE - below(32));
}

static uint64
random_path(void)
{
  switch(below(16)){
  case 0: return random_address();
  case 1: return (uint64)long_path + below(sizeof(long_path));
  default: return (uint64)paths[below(COUNT(paths))];
  }
}

static uint64
random_strings(void)
{
  char **v = (char **)buffers[below(4)];
  uint64 n = below(6);

  if(below(8) == 0)
    return random_buffer();
  for(uint64 i = 0; i < n; i++)
    v[i] = (char *)random_path();
  v[n] = NULL;
  return (uint64)v;
}

static uint64
random_argument(char what)
{
  if(below(16) == 0)
    what = 'l';
  switch(what){
  case 'd': return below(16) ? below(24) : random_bits();
  case 't': return below(2) ? (uint64)AT_FDCWD : below(24);
  case 'p': return random_path();
  case 'b': return random_buffer();
  case 'n': return random_size();
  case 'a': return below(8) ? random_arena() : random_address();
  case 'i': return below(40);
  case 'f': return below(2) ? below(64) : 1UL << below(64) | 1UL << below(32);
  case 's': return random_strings();
  default: break;
  }
  switch(below(5)){
  case 0: return random_bits();
  case 1: return random_address();
  case 2: return below(64);
  case 3: return -below(200);
  default: return random_size();
  }
}

// ---- Calls ----

// What would end the run or reach others: the machine's power, other processes,
// devices by number.
static bool
is_harmless(uint64 nr, uint64 *a)
{
  if(nr >= NR_KILL && nr <= NR_TGKILL)
    return (int)a[0] == getpid();
  if(nr == NR_PRLIMIT)
    a[0] = 0;
  if(nr == NR_MKNODAT)
    a[2] = 0010000 | (a[2] & 0777);
  return nr != NR_REBOOT && nr != NR_SYSLOG;
}

static void
one_call(void)
{
  uint64 a[6], nr;
  const char *what = "llllll";

  if(below(4)){
    const struct signature *s = &signatures[below(COUNT(signatures))];
    nr = s->nr;
    what = s->arguments;
  } else {
    nr = below(16) ? below(NR_MAX) : below(2) ? below(NR_BEYOND) : random_bits();
  }
  for(int i = 0; i < 6; i++){
    a[i] = random_argument(*what);
    what += what[1] != 0;
  }
  if(!is_harmless(nr, a))
    return;
  if(syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]) == 0 && nr == NR_CLONE && below(4))
    sys_exit(0);
}

static void
fail_soon(void)
{
  char text[8] = "00\n";
  int fd = open("/proc/self/fail-nth", O_WRONLY);
  text[0] += below(3);
  text[1] += below(10);
  write(fd, text, 3);
  close(fd);
}

static void __attribute__((noreturn))
work(int slot)
{
  static const char *const names[] = { "/dev/null", "a", "b", ".", "/dev/zero", "/proc/self/maps" };
  int fds[2];

  sys_setpgid(0, 0);
  for(int i = 0; i < 3; i++)
    sys_dup3(open("/dev/null", O_RDWR), i, 0);
  for(uint i = 0; i < COUNT(names); i++)
    sys_open(names[i], i == 3 ? O_RDONLY : O_RDWR | O_CREATE, 0644);
  pipe(fds);
  sys_mmap((void *)ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memset(long_path, 'x', sizeof(long_path));
  for(int i = 0; i < CALLS_EACH && shared->calls < shared->most; i++){
    if(fail_allocations && below(50) == 0)
      fail_soon();
    one_call();
    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
    shared->progress[slot]++;
  }
  sys_exit(0);
}

// ---- Keepers ----

static void
sleep_ms(long ms)
{
  struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
  sys_nanosleep(&t, NULL);
}

// Until the worker has gone, or has made no call for a while.
static void
watch(long pid, int slot)
{
  uint64 last = 0;
  int status;

  for(int quiet = 0; sys_wait(pid, &status, WNOHANG) == 0; quiet += TICK_MS){
    uint64 now = shared->progress[slot];
    if(now != last)
      quiet = 0;
    last = now;
    if(quiet > PATIENCE_MS)
      sys_kill(pid, SIGKILL);
    sleep_ms(TICK_MS);
  }
}

static void __attribute__((noreturn))
keep(int slot)
{
  while(shared->calls < shared->most){
    seed += 0x9e3779b97f4a7c15UL;
    long pid = sys_fork();
    if(pid == 0)
      work(slot);
    if(pid < 0)
      sleep_ms(TICK_MS);
    else
      watch(pid, slot);
  }
  sys_exit(0);
}

// Whatever the workers have started, and whatever it did to hide: all processes
// that are younger than this one.
static void
kill_the_rest(void)
{
  struct list names = { 0 };
  long pid;

  directory_names("/proc", &names);
  for(size_t i = 0; i < names.n; i++)
    if(parse_long(names.p[i], &pid) && pid > getpid())
      sys_kill(pid, SIGKILL);
  list_free(&names, true);
}

// Of our own, for what happens to those in /dev would last.
static void
make_devices(void)
{
  static const struct { const char *name; int minor; } devices[] = {
    { "null", 3 }, { "zero", 5 }, { "full", 7 },
  };
  for(size_t i = 0; i < COUNT(devices); i++)
    if(sys_mknod(devices[i].name, S_IFCHR | 0666, 1 << 8 | devices[i].minor) < 0)
      die("%s cannot be made", devices[i].name);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "n:p:s:f", "fuzz [-f] [-n calls] [-p processes] [-s seed]" };
  long calls = 10000, processes = 4, number = 0;

  sys_getrandom(&number, 4, 0);
  for(int c; (c = option(&o)) != 0;){
    long *value = c == 'n' ? &calls : c == 'p' ? &processes : c == 's' ? &number : NULL;
    if(value && (!parse_long(o.value, value) || *value < 0))
      usage(&o);
    fail_allocations |= c == 'f';
  }
  shared = (void *)sys_mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if(o.at < argc || processes < 1 || processes > (long)COUNT(shared->progress))
    usage(&o);
  printf("fuzz: seed %ld\n", number);
  shared->most = calls;
  struct kstat st;
  if(sys_lstat("fuzz.tmp", &st) == 0)
    remove_tree("fuzz.tmp");
  if(sys_mkdir("fuzz.tmp", 0777) < 0 || !copy_tree("/true", "fuzz.tmp/program", false, &st) ||
     chdir("fuzz.tmp") < 0)
    die("fuzz.tmp cannot be made");
  make_devices();
  for(int slot = 0; slot < processes; slot++){
    seed = (number + 1) * 0x9e3779b97f4a7c15UL + slot * 0xbf58476d1ce4e5b9UL;
    if(fork() == 0)
      keep(slot);
  }
  for(int status; sys_wait(-1, &status, 0) > 0;)
    ;
  for(int i = 0; i < 3; i++)
    kill_the_rest();
  chdir("..");
  if(!remove_tree("fuzz.tmp"))
    return 1;
  printf("fuzz: %lu calls\n", shared->calls);
  return 0;
}
