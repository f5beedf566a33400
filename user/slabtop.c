// SPDX-License-Identifier: MIT
//
// slabtop: the kernel's object caches by the memory they take, from
// /proc/slabinfo; once, as procps' slabtop -o.

#include "user/ulib.h"
#include "user/user.h"

struct cache {
  const char *name;
  long active, objects, size, per_slab, pages, slabs;
};

// Which of the numbers of a line is what: limit, batch, sharing and active slabs between.
enum { ACTIVE, OBJECTS, SIZE, PER_SLAB, PAGES, SLABS = 9 };

// The line is cut up. => NULL if it is none of a cache
static struct cache *
parse_line(char *line)
{
  long number[SLABS + 1] = { 0 };
  char *name = line, *end = strchr(line, ' ');
  if(!end)
    return NULL;
  *end++ = 0;
  for(int n = 0; n <= SLABS && *end; ){
    if(*end < '0' || *end > '9'){
      end++;
      continue;
    }
    for(; *end >= '0' && *end <= '9'; end++)
      number[n] = number[n] * 10 + *end - '0';
    n++;
  }
  struct cache *c = must_malloc(sizeof *c);
  *c = (struct cache){ name, number[ACTIVE], number[OBJECTS], number[SIZE], number[PER_SLAB],
                       number[PAGES], number[SLABS] };
  return c;
}

static long
kib(const struct cache *c)
{
  return c->slabs * c->pages * 4;
}

static int
larger_first(const void *a, const void *b)
{
  const struct cache *x = a, *y = b;
  return kib(x) != kib(y) ? (kib(x) < kib(y) ? 1 : -1) : strcmp(x->name, y->name);
}

static void
print(const struct cache *c)
{
  out("%7ld %7ld %3ld%% %7ld %6ld %8ld %9ldK %s\n", c->objects, c->active,
      c->objects ? c->active * 100 / c->objects : 0, c->size, c->slabs, c->per_slab, kib(c),
      c->name);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "o", "slabtop [-o]" };
  struct text info = { 0 };
  struct list caches = { 0 };
  long total = 0;

  while(option(&o) == 'o')
    ;
  if(o.at != argc)
    usage(&o);
  if(!read_file("/proc/slabinfo", &info))
    die("/proc/slabinfo cannot be read");
  for(char *line = info.s, *next; (next = strchr(line, '\n')) != NULL; line = next + 1){
    *next = 0;
    struct cache *c = line == info.s || *line == '#' ? NULL : parse_line(line);
    if(c)
      list_add(&caches, c);
  }
  list_sort(&caches, larger_first);
  for(size_t i = 0; i < caches.n; i++)
    total += kib(caches.p[i]);
  out("%lu caches, %ld KiB\n\n", caches.n, total);
  out("%7s %7s %4s %7s %6s %8s %10s %s\n", "OBJS", "ACTIVE", "USE", "OBJ", "SLABS", "OBJ/SLAB",
      "CACHE SIZE", "NAME");
  for(size_t i = 0; i < caches.n; i++)
    print(caches.p[i]);
  return 0;
}
