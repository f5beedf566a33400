// SPDX-License-Identifier: MIT
//
// Processes and threads that do everything there is to memory, more of it than there may
// be, and know at any moment what every page must hold.
//
//   hogs [-p PROCESSES] [-t THREADS] [-n OPERATIONS] [-s SEED] [-m PAGES]
//
// Each thread has mappings of its own: private, shared, of a file; PAGES in all.  A page's
// generation counts how often it was written; 0: it must be all zeroes.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MAPS = 12, WORDS = PAGE / 8, MARKS = 3, CHILDREN = 3 };
enum kind { PRIVATE, SHARED, FILED, KINDS };

struct map {
  char *p;
  enum kind kind;
  unsigned pages, *generation;
  int fd;
};

struct worker {
  struct map map[MAPS];
  unsigned long random, id;
  unsigned at, children;
  int child[CHILDREN];
};

static unsigned processes = 1, threads = 2, operations = 600, seed = 1, pages = 300;

static void
fail(const char *what)
{
  perror(what);
  _exit(1);
}

static unsigned
below(struct worker *w, unsigned n)
{
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random % n;
}

// ---- Pages ----

static unsigned long
mark(const struct worker *w, const struct map *m, unsigned page, unsigned generation)
{
  return ((w->id << 4 | (unsigned long)(m - w->map)) << 16 | page) << 32 | generation;
}

static unsigned long *
word(const struct map *m, unsigned page, unsigned k)
{
  return (unsigned long *)(m->p + (unsigned long)page * PAGE) + (page * 37 + k * 171) % WORDS;
}

static void
write_page(struct worker *w, struct map *m, unsigned page)
{
  unsigned g = ++m->generation[page];
  for(unsigned k = 0; k < MARKS; k++)
    *word(m, page, k) = mark(w, m, page, g);
}

static void
check_page(struct worker *w, struct map *m, unsigned page)
{
  unsigned g = m->generation[page];
  for(unsigned k = 0; k < MARKS; k++){
    unsigned long want = g ? mark(w, m, page, g) : 0;
    unsigned long found = *(volatile unsigned long *)word(m, page, k);
    if(found != want){
      printf("hogs: worker %lu, mapping %d of kind %d, page %u of %u at %p: %lx is not %lx\n",
             w->id, (int)(m - w->map), m->kind, page, m->pages, (void *)m->p, found, want);
      fflush(stdout);
      _exit(1);
    }
  }
}

// ---- Mappings ----

static void
make(struct worker *w, struct map *m, unsigned n)
{
  int prot = PROT_READ | PROT_WRITE;
  m->kind = below(w, 4) ? PRIVATE : below(w, 2) ? SHARED : FILED;
  m->pages = n;
  m->fd = -1;
  m->generation = calloc(n, sizeof *m->generation);
  if(m->kind == FILED){
    char name[] = "hogs.XXXXXX";
    m->fd = mkstemp(name);
    if(m->fd < 0 || ftruncate(m->fd, (long)n * PAGE) != 0)
      fail("file");
    unlink(name);
  }
  m->p = mmap(NULL, (long)n * PAGE, prot, m->kind == PRIVATE ? MAP_PRIVATE | MAP_ANONYMOUS :
              m->kind == SHARED ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, m->fd, 0);
  if(m->p == MAP_FAILED || m->generation == NULL)
    fail("mmap");
}

static void
drop(struct map *m)
{
  munmap(m->p, (long)m->pages * PAGE);
  free(m->generation);
  if(m->fd >= 0)
    close(m->fd);
}

// ---- Operations: on a mapping, or `n` pages of it from page `i` on ----

static void
touch(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  for(unsigned k = i; k < i + n; k++){
    check_page(w, m, k);
    if(below(w, 2))
      write_page(w, m, k);
  }
}

// To where nothing is; it may become longer, and shorter again.
static void
move(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  long bytes = (long)m->pages * PAGE;
  char *to = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if(to == MAP_FAILED)
    fail("place to move to");
  char *p = mremap(m->p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if(p == MAP_FAILED)
    fail("mremap");
  munmap(to + bytes, bytes);
  m->p = p;
}

static void
renew(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  unsigned all = m->pages;
  drop(m);
  make(w, m, all);
}

static void
forget(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  if(madvise(m->p + (long)i * PAGE, (long)n * PAGE, MADV_DONTNEED) != 0)
    fail("MADV_DONTNEED");
  if(m->kind == PRIVATE)
    memset(m->generation + i, 0, n * sizeof *m->generation);
}

static void
send_away(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  if(madvise(m->p + (long)i * PAGE, (long)n * PAGE, MADV_PAGEOUT) != 0)
    fail("MADV_PAGEOUT");
}

static void
hide(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  char *p = m->p + (long)i * PAGE;
  if(mprotect(p, (long)n * PAGE, PROT_NONE) != 0)
    fail("mprotect");
  struct map *other = m == w->map ? m + 1 : w->map;
  touch(w, other, 0, other->pages);
  if(mprotect(p, (long)n * PAGE, PROT_READ) != 0)
    fail("mprotect");
  check_page(w, m, i);
  if(mprotect(p, (long)n * PAGE, PROT_READ | PROT_WRITE) != 0)
    fail("mprotect");
}

static void
pin(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  n = n > 8 ? 8 : n;
  if(mlock(m->p + (long)i * PAGE, (long)n * PAGE) != 0)
    fail("mlock");
  touch(w, m, i, n);
  munlock(m->p + (long)i * PAGE, (long)n * PAGE);
}

static void
reap(struct worker *w, unsigned left)
{
  for(int status; w->children > left; w->children--)
    if(waitpid(w->child[w->children - 1], &status, 0) < 0 || status != 0)
      fail("a child found something else");
}

// The child has what the parent had, and what it writes stays with it.
static void
fork_one(struct worker *w, struct map *m, unsigned i, unsigned n)
{
  reap(w, CHILDREN - 1);
  int pid = fork();
  if(pid < 0)
    fail("fork");
  if(pid == 0){
    for(unsigned k = 0; k < MAPS; k++)
      for(unsigned page = 0; w->map[k].kind == PRIVATE && page < w->map[k].pages; page++){
        check_page(w, &w->map[k], page);
        if(page % 5 == 0)
          write_page(w, &w->map[k], page);
      }
    _exit(0);
  }
  w->child[w->children++] = pid;
}

// What is under way for a while: how the pages follow one another.
static unsigned
next(struct worker *w, unsigned n, unsigned step)
{
  switch(step / 100 % 4){
  case 0: return below(w, n);
  case 1: return w->at++ % n;
  case 2: return (w->at += 17) % n;
  default: return below(w, below(w, n) + 1);          // the first ones most often
  }
}

typedef void operation(struct worker *w, struct map *m, unsigned i, unsigned n);

static void *
work(void *arg)
{
  static operation *const rare[] = { move, renew, forget, send_away, hide, pin, move, send_away };
  struct worker *w = arg;
  for(unsigned k = 0; k < MAPS; k++){
    make(w, &w->map[k], pages / MAPS);
    for(unsigned page = 0; page < w->map[k].pages; page++)
      write_page(w, &w->map[k], page);
  }
  for(unsigned step = 0; step < operations; step++){
    struct map *m = &w->map[next(w, MAPS, step)];
    unsigned i = next(w, m->pages, step), n = below(w, m->pages - i) + 1;
    operation *op = below(w, 4) ? touch : rare[below(w, sizeof rare / sizeof rare[0])];
    op(w, m, i, n);
    if(step % 50 == 0)
      fork_one(w, m, i, n);
  }
  reap(w, 0);
  for(unsigned k = 0; k < MAPS; k++){
    for(unsigned page = 0; page < w->map[k].pages; page++)
      check_page(w, &w->map[k], page);
    drop(&w->map[k]);
  }
  return NULL;
}

static void
process(unsigned number)
{
  struct worker w[threads];
  pthread_t t[threads];
  for(unsigned k = 0; k < threads; k++){
    w[k] = (struct worker){ .id = number * threads + k + 1 };
    w[k].random = (seed * 1000 + w[k].id) * 88172645463325252UL | 1;
    if(pthread_create(&t[k], NULL, work, &w[k]) != 0)
      fail("pthread_create");
  }
  for(unsigned k = 0; k < threads; k++)
    pthread_join(t[k], NULL);
}

int
main(int argc, char **argv)
{
  unsigned *const value[] = { ['p'] = &processes, ['t'] = &threads, ['n'] = &operations,
                              ['s'] = &seed, ['m'] = &pages };
  int failed = 0, status;
  for(int c; (c = getopt(argc, argv, "p:t:n:s:m:")) > 0;)
    if(c == '?')
      return 2;
    else
      *value[c] = (unsigned)atoi(optarg);
  for(unsigned number = 0; number < processes; number++)
    if(fork() == 0){
      process(number);
      _exit(0);
    }
  while(wait(&status) > 0)
    failed += status != 0;
  printf("hogs: %u processes of %u threads: %s\n", processes, threads, failed ? "FAILED" : "ok");
  return failed != 0;
}
