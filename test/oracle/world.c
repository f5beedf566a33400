// SPDX-License-Identifier: MIT
//
// What the steps of the oracle stand on; see world.h.

#include "world.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

// ---- Random numbers: of a step, from the seed and its number ----

u64 seed;
int now;
static u64 rng;

static u64
mix(u64 x)
{
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

void
roll_from(u64 x)
{
  rng = mix(x);
}

int
roll(int n)
{
  rng = mix(rng);
  return (int)(rng % (u64)n);
}

bool
one_in(int n)
{
  return roll(n) == 0;
}

// ---- Saying ----

u64 hash;
bool verbose;
static char text[1 << 14];
static int ntext;

void
say(const char *format, ...)
{
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(text + ntext, sizeof(text) - (size_t)ntext, format, ap);
  va_end(ap);
  if(n > 0 && ntext + n < (int)sizeof(text))
    ntext += n;
}

static void
put_out(const char *s, int n)
{
  while(n > 0){
    ssize_t r = write(1, s, (size_t)n);
    if(r <= 0)
      _exit(3);
    s += r;
    n -= (int)r;
  }
}

void
show_line(void)
{
  put_out(text, ntext);
  ntext = 0;
}

bool
line_empty(void)
{
  return ntext == 0;
}

int
said(void)
{
  return ntext;
}

const char *
take_said(int since)
{
  static char taken[512];
  snprintf(taken, sizeof(taken), "%.*s", ntext - since, text + since);
  ntext = since;
  return taken;
}

void
end_line(void)
{
  say("\n");
  for(int i = 0; i < ntext; i++)
    hash = (hash ^ (u8)text[i]) * 0x100000001b3;
  if(verbose)
    show_line();
  ntext = 0;
}

void
say_error(void)
{
  const char *name = strerrorname_np(errno);
  say(" = %s", name ? name : "?");
}

void
say_result(long r)
{
  if(r == -1)
    say_error();
  else
    say(" = %ld", r);
}

void
say_flags(const struct flag *table, int n, int flags)
{
  const char *between = "";
  for(int i = 0; i < n; i++){
    if((flags & table[i].bit) != table[i].bit)
      continue;
    say("%s%s", between, table[i].name);
    flags &= ~table[i].bit;
    between = "|";
  }
  if(flags || !*between)
    say("%s%#x", between, flags);
}

// ---- Contents: a sequence's byte follows from the one before it ----

static u8
next_byte(u8 b)
{
  return b == 251 ? 1 : (u8)(b + 1);
}

static u8
first_byte(int tag)
{
  return (u8)(1 + mix(seed * 1000 + (u64)tag) % 251);
}

void
make_pattern(u8 *to, int n, int tag)
{
  u8 b = first_byte(tag);
  for(int i = 0; i < n; i++, b = next_byte(b))
    to[i] = b;
}

static int
run_length(const u8 *b, int n)
{
  int i = 1;
  while(i < n && b[i] == (b[0] ? next_byte(b[i - 1]) : 0))
    i++;
  return i;
}

void
say_contents(const u8 *b, int n)
{
  for(int i = 0, runs = 0; i < n; runs++){
    int len = run_length(b + i, n - i);
    if(runs == 8){
      u32 h = 0;
      for(; i < n; i++)
        h = (h ^ b[i]) * 16777619;
      say(" ...%08x", h);
    } else {
      say(b[i] ? " %02x+%d" : " %x*%d", b[i], len);
      i += len;
    }
  }
}

// ---- Loads and stores that may fault ----

static sigjmp_buf back;
static volatile sig_atomic_t trying;
static struct { int signal, code; u8 *addr; } fault;

static void
on_fault(int signal, siginfo_t *info, void *context)
{
  if(!trying)
    _exit(99);
  fault.signal = signal;
  fault.code = info->si_code;
  fault.addr = info->si_addr;
  trying = 0;
  siglongjmp(back, 1);
}

u8 *
at(int p)
{
  return BASE + (long)p * PAGE;
}

void
say_fault(const u8 *from)
{
  say(" %s code %d at +%ld", fault.signal == SIGBUS ? "SIGBUS" : "SIGSEGV", fault.code,
      (long)(fault.addr - from));
}

bool
faulted_by_protection(void)
{
  return fault.signal == SIGSEGV;
}

// Page by page, each page first with one byte.
static void
copy(u8 *to, const u8 *from, int n, const u8 *arena)
{
  while(n > 0){
    int len = PAGE - (int)((uintptr_t)arena % PAGE);
    if(len > n)
      len = n;
    *(volatile u8 *)to = *(volatile const u8 *)from;
    memcpy(to, from, (size_t)len);
    to += len, from += len, arena += len, n -= len;
  }
}

// Whatever is between these may end with a fault.
#define TRY(access) do { \
    if(sigsetjmp(back, 0)) \
      return false; \
    trying = 1; \
    access; \
    trying = 0; \
    return true; \
  } while(0)

bool
load(u8 *to, const u8 *from, int n)
{
  TRY(copy(to, from, n, from));
}

bool
store(u8 *to, const u8 *from, int n)
{
  TRY(copy(to, from, n, to));
}

bool
count_up(u32 *n)
{
  TRY(__atomic_add_fetch(n, 1, __ATOMIC_RELAXED));
}

bool
call(u8 *code)
{
  TRY(((void (*)(void))code)());
}

void
catch_faults(void)
{
  static u8 stack[64 * 1024];
  struct sigaction act = { .sa_sigaction = on_fault,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
  sigaction(SIGSEGV, &act, NULL);
  sigaction(SIGBUS, &act, NULL);
}

// ---- Choosing pages ----

static const struct { int first, count; } islands[] = {
  { 508, 8 }, { 767, 2 }, { 1020, 8 },
};

int
core(int i)
{
  int k = 0;
  for(; i >= islands[k].count; k++)
    i -= islands[k].count;
  return islands[k].first + i;
}

int
pick_page(void)
{
  return core(roll(CORE));
}

// How many pages from p: mostly few, sometimes up to the other boundary.
int
pick_count(int p)
{
  if(one_in(12) && p < 520)
    return 1020 + roll(8) - p;
  return 1 + roll(one_in(3) ? 12 : 4);
}

int
pick_prot(void)
{
  static const int prots[] = {
    PROT_NONE, PROT_READ, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
    PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE | PROT_EXEC,
    PROT_READ | PROT_EXEC, PROT_WRITE,
  };
  return prots[roll(COUNT(prots))];
}

int
pick_in_page(void)
{
  return one_in(2) ? 0 : roll(PAGE);
}

// ---- The arena's model ----

struct page pages[ARENA];
static int ids;

int
first_hole(int p, int n)
{
  int q = p;
  while(q < p + n && pages[q].kind != HOLE)
    q++;
  return q;
}

bool
all_holes(int p, int n)
{
  for(int q = p; q < p + n; q++)
    if(pages[q].kind != HOLE)
      return false;
  return true;
}

void
new_ids(int p, int n)
{
  for(int q = p, last = 0; q < p + n; q++){
    ids += pages[q].id != last;
    last = pages[q].id;
    pages[q].id = last ? ids : 0;
  }
}

void
set_pages(int p, int n, struct page what)
{
  what.id = what.kind == HOLE ? 0 : ++ids;
  for(int q = p; q < p + n; q++, what.index++)
    pages[q] = what;
}

// ---- Files ----

int files[MAX_FILES][2];
int nfiles, copy_nr;

const char *
file_name(int k)
{
  static char name[32];
  snprintf(name, sizeof(name), "oracle.%d.%d", copy_nr, k);
  return name;
}

// A file that is known already keeps its number.
int
add_file(int k, int flags)
{
  struct stat st, other;
  int fd = open(file_name(k), O_RDWR | flags, 0644);
  if(fd < 0)
    return -1;
  fstat(fd, &st);
  for(int f = 0; f < nfiles; f++){
    if(fstat(files[f][0], &other) == 0 && other.st_ino == st.st_ino){
      close(fd);
      return 0;
    }
  }
  if(nfiles == MAX_FILES){
    close(fd);
    errno = EMFILE;
    return -1;
  }
  files[nfiles][0] = fd;
  files[nfiles++][1] = open(file_name(k), O_RDONLY);
  return 0;
}

long
file_size(int f)
{
  struct stat st;
  return fstat(files[f][0], &st) == 0 ? (long)st.st_size : -1;
}

int
pick_file(void)
{
  return nfiles - 1 - roll(nfiles < 4 ? nfiles : 4);
}

// ---- What Linux leaves open ----

// May n bytes at p + in_page be stored to?  What is stored behind the end of a file, in
// its last page, may or may not show later.
bool
behind_end(int p, int in_page, int n)
{
  for(int q = p, rest = in_page + n; rest > 0 && q < ARENA; q++, rest -= PAGE){
    if(pages[q].kind != FILED || !pages[q].shared)
      continue;
    long start = (long)pages[q].index * PAGE, size = file_size(pages[q].file);
    if(start < size && size < start + (rest < PAGE ? rest : PAGE))
      return true;
  }
  return false;
}

// Would a transfer between [off, off + n) of a file and the arena read what it writes,
// elsewhere than where it writes it?
bool
overlaps(int f, long off, int p, int in_page, int n)
{
  for(int q = p; q < ARENA && (q - p) * PAGE < in_page + n; q++){
    if(pages[q].kind != FILED || pages[q].file != f)
      continue;
    long start = (long)pages[q].index * PAGE, mine = off + (long)(q - p) * PAGE - in_page;
    if(start < off + n && start + PAGE > off && start != mine)
      return true;
  }
  return false;
}

// ---- Emulators ----

bool emulated;

bool
emulator_differs(int p, int n, int prot)
{
  for(int q = p; emulated && q < p + n; q++)
    if(q >= ARENA || pages[q].kind == HOLE || (pages[q].prot & prot) != prot)
      return true;
  return false;
}
