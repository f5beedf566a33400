// SPDX-License-Identifier: MIT
//
// malloc: small blocks from the heap, in chunks that know their neighbours and
// lie, when free, on lists by size; blocks from BIG up are mappings of their own.
// Not for threads.
//
//   chunk:  | before | size + flags | ... the user's bytes ... |
//
// `before` is the size of the chunk below and valid while that one is free.
// Neighbouring free chunks are always joined.  An arena (the stretch one or more
// adjoining sbrks gave) ends with a used chunk of size 0.

#include "kernel/riscv.h"
#include "user/ulib.h"
#include "user/user.h"

struct chunk {
  uint64 before;               // bytes of the chunk below, if BELOW_FREE
  uint64 size;                 // bytes with this header, and flags
  struct chunk *next, *prev;   // free chunks only; here begins the user's part
};

enum {
  USED = 1, BELOW_FREE = 2, MAPPED = 4, FLAGS = 15,
  HEADER = 16, SMALLEST = sizeof(struct chunk),
  BIG = 128 << 10,             // bytes from which a block is mapped
  GROW = 64 << 10,             // the heap grows by multiples of this
  LISTS = 18,
};

static struct chunk *lists[LISTS];   // list i: sizes from 2^i
static struct chunk *fence;          // the end of the newest arena

static uint64 size_of(const struct chunk *c) { return c->size & ~(uint64)FLAGS; }
static struct chunk *above(struct chunk *c) { return (void *)((char *)c + size_of(c)); }
static struct chunk *below(struct chunk *c) { return (void *)((char *)c - c->before); }

static struct chunk **
list_for(uint64 size)
{
  int i = 0;
  while(i < LISTS - 1 && size >> (i + 1))
    i++;
  return &lists[i];
}

static void
set_free(struct chunk *c, uint64 size)
{
  struct chunk **list = list_for(size);

  c->size = size;
  above(c)->before = size;
  above(c)->size |= BELOW_FREE;
  c->prev = NULL;
  c->next = *list;
  if(c->next)
    c->next->prev = c;
  *list = c;
}

static void
take(struct chunk *c)
{
  if(c->prev)
    c->prev->next = c->next;
  else
    *list_for(size_of(c)) = c->next;
  if(c->next)
    c->next->prev = c->prev;
  c->size |= USED;
  above(c)->size &= ~(uint64)BELOW_FREE;
}

// Make a used chunk free, joined with free neighbours.
static void
release(struct chunk *c)
{
  uint64 size = size_of(c);
  struct chunk *up = above(c);

  if(!(up->size & USED)){
    take(up);
    size += size_of(up);
  }
  if(c->size & BELOW_FREE){
    c = below(c);
    take(c);
    size += size_of(c);
  }
  set_free(c, size);
}

// Enlarge the heap: the new bytes become one free chunk, joined with what was
// free at the old end if nobody else has moved the break meanwhile.
static bool
grow(uint64 need)
{
  uint64 n = (need + 2 * HEADER + GROW - 1) & ~(uint64)(GROW - 1);
  char *now, *start;
  struct chunk *c;

  if(fence && !ulib_memory_for(n))   // the first piece is what a small program lives on
    return false;
  now = (char *)sys_brk(0);
  if(!fence || now != (char *)fence + HEADER){
    start = (char *)(((uint64)now + 15) & ~15UL);
    c = (struct chunk *)start;
  } else {
    start = now;
    c = fence;
  }
  if(sys_brk((uint64)start + n) != (uint64)start + n)
    return false;
  uint64 size = start + n - HEADER - (char *)c;
  uint64 keep = c == fence ? c->size & BELOW_FREE : 0;
  c->size = size | USED | keep;
  fence = above(c);
  fence->size = USED;
  release(c);
  return true;
}

static struct chunk *
find(uint64 size)
{
  for(struct chunk **l = list_for(size); l < lists + LISTS; l++)
    for(struct chunk *c = *l; c; c = c->next)
      if(size_of(c) >= size)
        return c;
  return NULL;
}

static void *
map_big(uint64 n)
{
  uint64 size = PGROUNDUP(n + HEADER);
  if(!ulib_memory_for(size))
    return NULL;
  long r = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if(r < 0)
    return NULL;
  struct chunk *c = (struct chunk *)r;
  c->size = size | USED | MAPPED;
  return (char *)c + HEADER;
}

// => aligned to 16 bytes; NULL without memory
void *
malloc(uint n)
{
  uint64 size = ((uint64)n + HEADER + 15) & ~15UL;
  struct chunk *c;

  if(n >= BIG)
    return map_big(n);
  if(size < SMALLEST)
    size = SMALLEST;
  while((c = find(size)) == NULL)
    if(!grow(size))
      return NULL;
  take(c);
  if(size_of(c) - size >= SMALLEST){
    uint64 rest = size_of(c) - size;
    c->size -= rest;
    set_free(above(c), rest);
  }
  return (char *)c + HEADER;
}

void
free(void *p)
{
  if(!p)
    return;
  struct chunk *c = (struct chunk *)((char *)p - HEADER);
  if(c->size & MAPPED)
    sys_munmap(c, size_of(c));
  else
    release(c);
}

uint64
ulib_malloc_size(void *p)
{
  return size_of((struct chunk *)((char *)p - HEADER)) - HEADER;
}
