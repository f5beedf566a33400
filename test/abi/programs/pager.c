// SPDX-License-Identifier: MIT
//
// A program that handles its own page faults, by the primitives of Appel and Li,
// "Virtual Memory Primitives for User Programs" (ASPLOS 1991): trap, prot1, protn,
// unprot, dirty, map2.  On them: concurrent checkpoints, a write barrier for a
// collector with generations, a collector that works beside the program, shared
// memory between processes that share none, a heap that ends in a guard page, and
// faults counted to the last one.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / sizeof(long), PAGES = 128, THREADS = 4 };

struct page { long word[WORDS]; };

// ---- The primitives ----

static void (*on_trap)(struct page *);
static int traps;
static struct page *written[PAGES];  // since dirty() was asked last
static int nwritten;

static void
handler(int sig, siginfo_t *si, void *context)
{
  int saved = errno;
  __atomic_fetch_add(&traps, 1, __ATOMIC_SEQ_CST);
  on_trap((struct page *)((unsigned long)si->si_addr & -PAGE));
  errno = saved;
}

static void
trap(void (*fn)(struct page *))
{
  struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER };
  on_trap = fn;
  traps = nwritten = 0;
  sigaction(SIGSEGV, &sa, NULL);
}

static void
protn(struct page *p, int n, int prot)
{
  if(mprotect(p, (size_t)n * PAGE, prot) != 0)
    abort();
}

static void prot1(struct page *p, int prot) { protn(p, 1, prot); }
static void unprot(struct page *p) { protn(p, 1, PROT_READ | PROT_WRITE); }

// The pages written since the last time, which are protected again. => how many
static int
dirty(struct page **list)
{
  int n = nwritten;
  memcpy(list, written, n * sizeof *list);
  for(int i = 0; i < n; i++)
    prot1(list[i], PROT_READ);
  nwritten = 0;
  return n;
}

static void
note_write(struct page *p)
{
  written[nwritten++] = p;
  unprot(p);
}

// The same n pages twice: for the program, and for the pager alone.
static void
map2(int n, struct page **program, struct page **pager)
{
  int fd = open("pager.tmp", O_RDWR | O_CREAT | O_EXCL, 0600);
  unlink("pager.tmp");
  ftruncate(fd, (off_t)n * PAGE);
  *program = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  *pager = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
}

static struct page *
anonymous(int n, int prot, int kind)
{
  return mmap(NULL, (size_t)n * PAGE, prot, kind | MAP_ANONYMOUS, -1, 0);
}

static unsigned
next(unsigned *seed)
{
  return (*seed = *seed * 1664525 + 1013904223) >> 8;
}

static struct page *memory, *behind;   // what map2 gave

// ---- Each page once, by whoever comes first: the program's fault or the worker ----

static int state[PAGES];               // 0: to do, 1: being done, 2: done
static void (*work)(int);
static int done_by_fault, done_by_worker;

static void
once(int i, int *counter)
{
  int todo = 0;
  if(__atomic_compare_exchange_n(&state[i], &todo, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)){
    work(i);
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
    unprot(&memory[i]);
    __atomic_store_n(&state[i], 2, __ATOMIC_SEQ_CST);
  }
  while(__atomic_load_n(&state[i], __ATOMIC_SEQ_CST) != 2)
    sched_yield();
}

static void do_on_fault(struct page *p) { once(p - memory, &done_by_fault); }

static void *
worker(void *arg)
{
  for(int i = 0; i < PAGES; i++)
    once(i, &done_by_worker);
  return NULL;
}

static void
begin(void (*fn)(int), int prot)
{
  work = fn;
  memset(state, 0, sizeof state);
  done_by_fault = done_by_worker = 0;
  trap(do_on_fault);
  protn(memory, PAGES, prot);
}

static void
beside_each_other(void *(*program)(void *))
{
  pthread_t t[THREADS], w;
  for(long i = 0; i < THREADS; i++)
    pthread_create(&t[i], NULL, program, (void *)i);
  pthread_create(&w, NULL, worker, NULL);
  for(int i = 0; i < THREADS; i++)
    pthread_join(t[i], NULL);
  pthread_join(w, NULL);
}

// ---- Checkpoints while the program goes on ----

static struct page *checkpoint, *reference;

static void
copy_page(int i)
{
  memcpy(&checkpoint[i], &behind[i], PAGE);
}

static void *
write_everywhere(void *arg)
{
  unsigned seed = (long)arg + 1;
  for(int i = 0; i < 2000; i++)
    memory[next(&seed) % PAGES].word[(long)arg + THREADS * (next(&seed) % 100)] += i;
  return NULL;
}

static void
checkpoints(void)
{
  int equal = 0, once = 0;
  checkpoint = anonymous(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  reference = anonymous(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  for(int round = 0; round < 5; round++){
    memcpy(reference, behind, PAGES * PAGE);
    begin(copy_page, PROT_READ);
    beside_each_other(write_everywhere);
    equal += memcmp(checkpoint, reference, PAGES * PAGE) == 0;
    once += done_by_fault + done_by_worker == PAGES && traps >= done_by_fault;
  }
  long sum = 0;
  for(int i = 0; i < PAGES; i++)
    for(int k = 0; k < WORDS; k++)
      sum += behind[i].word[k];
  printf("checkpoints: equal %d, each page once %d, memory %ld\n", equal, once, sum);
}

// ---- A collector that forwards pointers beside the program ----

static void
forward_page(int i)
{
  for(int k = 0; k < WORDS; k++)
    behind[i].word[k] += 1000000;
}

static int unforwarded;

static void *
look_everywhere(void *arg)
{
  unsigned seed = (long)arg + 77;
  for(int i = 0; i < 2000; i++)
    if(memory[next(&seed) % PAGES].word[next(&seed) % WORDS] < 1000000)
      __atomic_fetch_add(&unforwarded, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void
collector(void)
{
  for(int i = 0; i < PAGES; i++)
    for(int k = 0; k < WORDS; k++)
      behind[i].word[k] = i * WORDS + k;
  begin(forward_page, PROT_NONE);
  beside_each_other(look_everywhere);
  int wrong = 0;
  for(int i = 0; i < PAGES; i++)
    for(int k = 0; k < WORDS; k++)
      wrong += behind[i].word[k] != 1000000 + i * WORDS + k;
  printf("collector: seen too early %d, wrong %d, pages %d\n", unforwarded, wrong,
         done_by_fault + done_by_worker);
}

// ---- A write barrier: which old pages point to young objects? ----

static void
generations(void)
{
  struct page *old = anonymous(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE), *list[PAGES];
  unsigned seed = 5;
  trap(note_write);
  protn(old, PAGES, PROT_READ);
  for(int collection = 0; collection < 4; collection++){
    int stores = 40 << collection, found = 0, distinct = 0;
    char touched[PAGES] = { 0 };
    int before = traps;
    for(int i = 0; i < stores; i++){
      int at = next(&seed) % PAGES;
      old[at].word[next(&seed) % WORDS] = collection + 1;
      distinct += !touched[at];
      touched[at] = 1;
    }
    int n = dirty(list);
    for(int i = 0; i < n; i++)
      found += touched[list[i] - old];
    printf("generation %d: %d pages dirty, %d traps, all found %d\n", collection, n,
           traps - before, n == distinct && found == distinct);
  }
}

// ---- Memory that two processes share by messages ----

struct wire {                          // the network, and the home of every page
  struct page home[PAGES];
  unsigned char stale[2][PAGES];       // by process: its copy is out of date
};

static struct wire *wire;
static struct page *view;              // this process's copies
static char access_now[PAGES];         // PROT_*
static int me, fetched, writes;

static void
fetch_or_write(struct page *p)
{
  int i = p - view;
  if(access_now[i] == PROT_NONE){
    unprot(p);
    memcpy(p, &wire->home[i], PAGE);
    prot1(p, access_now[i] = PROT_READ);
    fetched++;
  } else {
    access_now[i] = PROT_READ | PROT_WRITE;
    writes++;
    note_write(p);
  }
}

static void
acquire(void)
{
  for(int i = 0; i < PAGES; i++)
    if(wire->stale[me][i]){
      wire->stale[me][i] = 0;
      prot1(&view[i], access_now[i] = PROT_NONE);
    }
}

static void
release(void)
{
  struct page *list[PAGES];
  for(int n = dirty(list); n-- > 0;){
    int i = list[n] - view;
    memcpy(&wire->home[i], list[n], PAGE);
    access_now[i] = PROT_READ;
    wire->stale[!me][i] = 1;
  }
}

static long
take_turns(int in, int out)
{
  unsigned seed = 9 + me;
  char token;
  long sum = 0;
  trap(fetch_or_write);
  for(int turn = 0; turn < 30; turn++){
    read(in, &token, 1);
    acquire();
    for(int i = 0; i < 20; i++){
      int from = next(&seed) % PAGES, to = next(&seed) % PAGES;
      view[to].word[turn] += view[from].word[turn] + i;
      sum += view[to].word[turn];
    }
    release();
    write(out, &token, 1);
  }
  return sum;
}

static void
distributed(void)
{
  int ping[2], pong[2], s;
  wire = mmap(NULL, sizeof *wire, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  view = anonymous(PAGES, PROT_NONE, MAP_PRIVATE);
  pipe(ping);
  pipe(pong);
  fflush(stdout);
  pid_t p = fork();
  me = p == 0;
  if(p == 0){
    long sum = take_turns(ping[0], pong[1]);
    printf("second: sum %ld, fetched %d, writes %d, traps %d\n", sum, fetched, writes, traps);
    exit(0);
  }
  write(pong[1], "x", 1);
  long sum = take_turns(pong[0], ping[1]);
  waitpid(p, &s, 0);
  printf("first: sum %ld, fetched %d, writes %d, traps %d, status %d\n", sum, fetched, writes,
         traps, s);
}

// ---- A heap without a limit test ----

enum { STEP = 4 };
static struct page *heap_end;

static void
grow(struct page *p)
{
  if(p != heap_end)
    abort();
  protn(heap_end, STEP, PROT_READ | PROT_WRITE);
  heap_end += STEP;
}

static void
guarded_heap(void)
{
  struct page *heap = anonymous(PAGES + STEP, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);
  heap_end = heap;
  trap(grow);
  char *at = (char *)heap;
  for(; at + 48 <= (char *)(heap + PAGES); at += 48)
    memset(at, 1, 48);
  printf("heap: %d traps\n", traps);
}

// ---- Every fault, and no other ----

static void
counting(void)
{
  char c[2] = "ab";
  int p[2];
  struct page *a = anonymous(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  pipe(p);
  memset(a, 1, 8 * PAGE);
  trap(unprot);
  protn(a, 8, PROT_NONE);
  long sum = a[0].word[0] + a[0].word[1];
  a[0].word[2] = sum;
  printf("counts: %d", traps);
  memcpy((char *)&a[2] - 4, "12345678", 8);
  printf(" %d", traps);
  prot1(&a[2], PROT_READ);
  sum += a[2].word[3];
  a[2].word[3]++;
  a[2].word[4]++;
  printf(" %d", traps);
  write(p[1], c, 2);
  printf(", read %zd", read(p[0], &a[5], 1));
  printf(" %s %d", strerror(errno), traps);
  a[5].word[0] = 1;
  printf(", then %zd %d\n", read(p[0], &a[5], 1), traps);
}

int
main(void)
{
  map2(PAGES, &memory, &behind);
  memory[3].word[7] = 42;
  printf("one page, two places: %ld\n", behind[3].word[7]);
  checkpoints();
  collector();
  generations();
  guarded_heap();
  counting();
  distributed();
  return 0;
}
