// SPDX-License-Identifier: MIT
//
// Objects that are watched (cache.debug): stray writes around them and to free
// ones are found when they next change hands, and by slab_check.
//
//   | red zone | object ... | red zone | trailer: owners, size | red zone | object ...
//                            \________ redzone_behind(size) ___________/
//
// A free object is full of POISON.  What has been overwritten is reported with
// the object's cache and the callers who took it and gave it back last.
//
// Lock: the cache's.

#include <machine.h>
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/slab_inside.h"

enum { CALLERS = 8 };

struct owner {
  u64 caller[CALLERS];
  u32 tid;
};

struct trailer {
  struct owner taken, freed;
  u32 size;                    // of the object, as asked for
};

static struct trailer *
trailer(const struct cache *c, const void *p)
{
  return (struct trailer *)((u8 *)p + round_up(c->size, 16) + REDZONE);
}

u32
redzone_behind(u32 size)
{
  return (u32)(round_up(size, 16) - size + REDZONE + sizeof(struct trailer) + REDZONE);
}

u32
redzone_size(const struct cache *c, const void *p)
{
  return trailer(c, p)->size;
}

// ---- Reports ----

static void
print_owner(const char *did, const struct owner *o)
{
  if(o->caller[0] == 0){
    printk("never %s\n", did);
    return;
  }
  printk("%s by task %u:\n", did, o->tid);
  machine_print_callers(o->caller, CALLERS);
}

static void
report(const struct cache *c, const void *p, const char *what)
{
  const struct trailer *t = trailer(c, p);
  printk("slab: cache %s: object %p of %u bytes %s\n", c->name, p, t->size, what);
  print_owner("taken", &t->taken);
  print_owner("freed", &t->freed);
}

// => true if all n bytes are `byte`; else says which is not
static bool
intact(const struct cache *c, const void *p, const u8 *at, u64 n, u8 byte, const char *what)
{
  for(u64 i = 0; i < n; i++){
    if(at[i] == byte)
      continue;
    report(c, p, what);
    printk("byte %ld is %02x instead of %02x\n", (i64)(at + i - (const u8 *)p), at[i], byte);
    return false;
  }
  return true;
}

static bool
zones_intact(const struct cache *c, const void *p)
{
  const u8 *object = p;
  const struct trailer *t = trailer(c, p);
  if(t->size > c->size){
    report(c, p, "has been overrun: its trailer is gone");
    return false;
  }
  return intact(c, p, object - REDZONE, REDZONE, RED, "was written to before its start") &&
         intact(c, p, object + t->size, (u64)((const u8 *)t - object) - t->size, RED,
                "was written to beyond its end");
}

bool
redzone_intact(const struct cache *c, const void *p, bool free)
{
  return zones_intact(c, p) && (!free || intact(c, p, p, trailer(c, p)->size, POISON,
                                                "was written to after it was freed"));
}

static void
insist(const struct cache *c, const void *p, bool free)
{
  if(!redzone_intact(c, p, free))
    panic("cache %s: an object is corrupt", c->name);
}

static void
note(struct owner *o)
{
  memset(o, 0, sizeof *o);
  o->tid = current->tid;
  machine_callers(o->caller, CALLERS);
}

void
freed_twice(struct cache *c, void *p)
{
  if(c->debug){
    struct owner now;
    note(&now);
    report(c, p, "is freed twice");
    print_owner("freed again", &now);
  }
  panic("cache %s: object %p is freed twice", c->name, p);
}

// ---- An object's life ----

void
redzone_resize(struct cache *c, void *p, u32 size)
{
  struct trailer *t = trailer(c, p);
  memset((u8 *)p + size, RED, (u64)((u8 *)t - (u8 *)p) - size);
  t->size = size;
}

void
redzone_make(struct cache *c, void *p)
{
  memset(trailer(c, p), 0, sizeof(struct trailer));
  memset((u8 *)p - REDZONE, RED, REDZONE);
  memset(p, POISON, c->size);
  redzone_resize(c, p, c->size);
}

void
redzone_take(struct cache *c, void *p)
{
  insist(c, p, true);
  redzone_resize(c, p, c->size);
  memset(p, FRESH, c->size);
  if(c->ctor)
    c->ctor(p);
  note(&trailer(c, p)->taken);
}

void
redzone_put(struct cache *c, void *p)
{
  insist(c, p, false);
  memset(p, POISON, trailer(c, p)->size);
  note(&trailer(c, p)->freed);
}
