// SPDX-License-Identifier: MIT
//
// The lock-order validator of a DEBUG=1 build.  Locks of one name and kind are a
// class.  Whenever a lock is taken, its class comes after those of all locks that
// the task holds; who took it so first is remembered with the call chain.  If a
// class would come both before and after another, two tasks could wait for each
// other for ever, whether or not they do so today: a panic shows both chains.
// Some classes have the place that kernel/lock.h gives them, seen or not.
//
// A class that interrupt handlers use, or that is taken while one of these is
// held, must never be taken with interrupts on.
//
// Lock: `registry`, a bare word with interrupts off; nothing is called under it.

#include <machine.h>
#include "kernel/debug/lock_order.h"
#include "kernel/ksym.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"

enum { CLASSES = 256, EDGES = 2048, DEPTH = 10 };

struct chain { u64 pc[DEPTH]; };

struct class {
  const char *name;
  bool spins;
  u8 rank;                         // 0 = none
  bool nests;                      // two of the class may be held
  bool in_interrupt;               // used there, see above
  bool interrupts_on;              // taken so
  struct chain in_interrupt_by, interrupts_on_by;
};

struct edge {
  u32 before, after;
  struct chain by;
};

static struct class classes[CLASSES];
static u32 nclasses;
static u64 follows[CLASSES][CLASSES / 64];   // [before]: bit `after`
static struct edge edges[EDGES];
static u32 nedges;
static u32 registry;
static u32 off;                              // an error was found: no others are looked for

// ---- The places that kernel/lock.h gives ----

static const struct { const char *name; u8 rank; } ranks[] = {
  { "file position", 1 }, { "inode", 2 }, { "tty output", 2 },
  { "frame BUSY", 3 },             // to wait for it: nobody may have space.lock
  { "space", 4 },
  { "lineage", 6 }, { "object.areas", 6 },
  { "pmap.upper", 7 }, { "leaf table", 8 },
  { "object", 9 },
  { "futex", 10 }, { "family", 11 }, { "timers", 12 }, { "waitq", 13 }, { "run queue", 14 },
};

// Classes whose locks have an order of their own among them.
static const char *const nesting[] = {
  "inode",                         // a directory before what is in it; rename: fs/rename.c
  "space", "leaf table",           // fork: the parent's and its new child's
  "futex",                         // two buckets, by address
  "poll source",                   // an epoll's after that of what it watches
};

// ---- Reports ----

static void __attribute__((noreturn, format(printf, 1, 2)))
broken(const char *fmt, ...)
{
  char what[200];
  va_list ap;
  va_start(ap, fmt);
  vsnprintk(what, sizeof what, fmt, ap);
  panic("locks: %s", what);
}

static bool
begin_report(void)
{
  return !atomic_swap(&off, 1);
}

static void
print_chain(const struct chain *c)
{
  machine_print_callers(c->pc, DEPTH);
}

// The callers from the taker of the lock on, without this file's own functions.
static void
take_chain(struct chain *c, u64 taker)
{
  enum { OWN = 8 };
  u64 pc[OWN + DEPTH];
  u32 n = machine_callers(pc, count_of(pc)), i = 0;
  while(i < n && pc[i] != taker)
    i++;
  for(u32 k = 0; k < DEPTH; k++, i++)
    c->pc[k] = i < n ? pc[i] : 0;
}

void
lock_print_held(const struct task *t)
{
  const struct lock_record *r = &t->locks;
  for(u32 i = 0; i < r->nheld && i < count_of(r->held); i++){
    struct ksym by;
    ksym(r->held[i].taker, &by);
    printk("  holds \"%s\" at %p, taken by %s+0x%lx\n", classes[r->held[i].class].name,
           r->held[i].lock, by.name, by.off);
  }
}

// ---- Classes ----

static void
registry_lock(void)
{
  while(__atomic_exchange_n(&registry, 1, __ATOMIC_ACQUIRE))
    machine_relax();
}

static void
registry_unlock(void)
{
  atomic_store_rel(&registry, 0);
}

static u32
find_class(const char *name, bool spins)
{
  u32 n = __atomic_load_n(&nclasses, __ATOMIC_ACQUIRE);
  for(u32 i = 0; i < n; i++)
    if(classes[i].spins == spins &&
       (classes[i].name == name || strcmp(classes[i].name, name) == 0))
      return i;
  return CLASSES;
}

static u32
make_class(const char *name, bool spins)
{
  registry_lock();
  u32 c = find_class(name, spins);
  if(c == CLASSES && nclasses < CLASSES){
    c = nclasses;
    classes[c] = (struct class){ .name = name, .spins = spins };
    for(u32 i = 0; i < count_of(ranks); i++)
      if(strcmp(ranks[i].name, name) == 0)
        classes[c].rank = ranks[i].rank;
    for(u32 i = 0; i < count_of(nesting); i++)
      classes[c].nests |= strcmp(nesting[i], name) == 0;
    atomic_store_rel(&nclasses, c + 1);
  }
  registry_unlock();
  if(c == CLASSES && begin_report())
    broken("more than %u classes", CLASSES);
  return c;
}

// The last class found for a name, by the name's address.
static u32
class_of(const char *name, bool spins)
{
  static struct { const char *name; u32 class[2]; } recent[128];
  u64 h = ((u64)name >> 3) % count_of(recent);
  u32 c = recent[h].class[spins];
  if(recent[h].name == name && c < nclasses && classes[c].spins == spins &&
     classes[c].name && strcmp(classes[c].name, name) == 0)
    return c;
  c = find_class(name, spins);
  if(c == CLASSES)
    c = make_class(name, spins);
  recent[h].name = name;
  recent[h].class[spins] = c;
  return c;
}

// ---- Order ----

static bool
seen(u32 before, u32 after)
{
  return atomic_load(&follows[before][after / 64]) >> after % 64 & 1;
}

// The way from class `from` to class `to` in the order seen so far. => its length
// in steps, the classes in path[]; 0 if there is none.  Breadth first.
static u32
find_path(u32 from, u32 to, u32 *path)
{
  static u32 queue[CLASSES], previous[CLASSES];    // registry
  u32 head = 0, tail = 0, steps = 0;
  memset(previous, 0xff, sizeof previous);
  queue[tail++] = from;
  previous[from] = from;
  while(head < tail && previous[to] == ~0U){
    u32 c = queue[head++];
    for(u32 next = 0; next < nclasses; next++)
      if(seen(c, next) && previous[next] == ~0U){
        previous[next] = c;
        queue[tail++] = next;
      }
  }
  if(previous[to] == ~0U)
    return 0;
  for(u32 c = to; c != from; c = previous[c])
    steps++;
  for(u32 c = to, i = steps; ; c = previous[c], i--){
    path[i] = c;
    if(i == 0)
      return steps;
  }
}

static void
print_edge(u32 before, u32 after)
{
  printk("\"%s\" was held when \"%s\" was taken by\n", classes[before].name, classes[after].name);
  for(u32 i = 0; i < nedges; i++)
    if(edges[i].before == before && edges[i].after == after)
      print_chain(&edges[i].by);
}

static void __attribute__((noreturn))
report_order(u32 held, u32 taken, const u32 *path, u32 steps)
{
  printk("\nlocks: the order so far:\n");
  for(u32 i = 0; i < steps; i++)
    print_edge(path[i], path[i + 1]);
  broken("\"%s\" is taken while \"%s\" is held, against this order", classes[taken].name,
         classes[held].name);
}

// `taken` comes after `held` from now on.
static void
learn(u32 held, u32 taken, u64 taker)
{
  static u32 path[CLASSES];
  registry_lock();
  bool new = !seen(held, taken), full = nedges == EDGES;
  u32 steps = new && !full ? find_path(taken, held, path) : 0;
  if(new && !full && steps == 0){
    edges[nedges] = (struct edge){ .before = held, .after = taken };
    take_chain(&edges[nedges++].by, taker);
    atomic_or(&follows[held][taken / 64], 1UL << taken % 64);
  }
  registry_unlock();
  if(full && begin_report())
    broken("more than %u pairs", EDGES);
  if(steps && begin_report())
    report_order(held, taken, path, steps);
}

static void
check_order(const struct lock_record *r, u32 class, u64 taker)
{
  const struct class *c = &classes[class];
  for(u32 i = 0; i < r->nheld; i++){
    u32 held = r->held[i].class;
    const struct class *h = &classes[held];
    if(held == class ? !c->nests : c->rank && h->rank > c->rank){
      if(begin_report())
        broken("\"%s\" is taken while \"%s\" is held, against the order of kernel/lock.h",
               c->name, h->name);
    } else if(held != class && !seen(held, class)){
      learn(held, class, taker);
    }
  }
}

// ---- Interrupts ----

static void
check_interrupts(const struct lock_record *r, struct class *c, bool interrupts_on, u64 taker)
{
  bool inside = r->interrupts > 0;
  for(u32 i = 0; i < r->nheld; i++)
    inside |= classes[r->held[i].class].in_interrupt;
  if(inside && !c->in_interrupt){
    take_chain(&c->in_interrupt_by, taker);
    c->in_interrupt = true;
  } else if(!inside && interrupts_on && !c->interrupts_on){
    take_chain(&c->interrupts_on_by, taker);
    c->interrupts_on = true;
  }
  if(c->in_interrupt && c->interrupts_on && begin_report()){
    printk("\nlocks: \"%s\" was taken in an interrupt, or below a lock that is, by\n", c->name);
    print_chain(&c->in_interrupt_by);
    printk("and with interrupts on by\n");
    print_chain(&c->interrupts_on_by);
    broken("\"%s\" is taken in interrupts and with interrupts on", c->name);
  }
}

void
lock_interrupt(bool begins)
{
  current->locks.interrupts += begins ? 1 : -1U;
}

// ---- Sleeping ----

void
lock_may_sleep(const char *why)
{
  const struct lock_record *r = &current->locks;
  if(off || panicking())
    return;
  if(r->interrupts > 0 && begin_report())
    broken("%s may sleep, in an interrupt", why);
  for(u32 i = 0; i < r->nheld; i++)
    if(classes[r->held[i].class].spins && begin_report())
      broken("%s may sleep, while spinlock \"%s\" is held", why,
             classes[r->held[i].class].name);
}

void
lock_none_held(void)
{
  const struct lock_record *r = &current->locks;
  if(r->nheld > 0 && !off && !panicking() && begin_report())
    broken("\"%s\" is held on the way to user mode", classes[r->held[0].class].name);
}

// ---- Taking and letting go ----

static void
push(struct lock_record *r, const void *l, u32 class, u64 taker)
{
  if(r->nheld == count_of(r->held) && begin_report())
    broken("more than %u held by one task", r->nheld);
  r->held[r->nheld++] = (struct held_lock){ l, class, taker };
}

static struct held_lock *
find_held(struct lock_record *r, const void *l)
{
  for(u32 i = r->nheld; i-- > 0;)
    if(r->held[i].lock == l)
      return &r->held[i];
  return NULL;
}

static void
drop(struct lock_record *r, struct held_lock *h)
{
  for(struct held_lock *end = &r->held[--r->nheld]; h < end; h++)
    h[0] = h[1];
}

void
lock_takes(const void *l, const char *name, enum lock_kind kind)
{
  struct lock_record *r = &current->locks;
  u64 taker = (u64)__builtin_return_address(0);
  if(off || panicking())
    return;
  if(kind != LOCK_SPINS)
    lock_may_sleep(name);
  bool on = intr_save();
  u32 class = class_of(name, kind == LOCK_SPINS);
  if(find_held(r, l) && begin_report())
    broken("\"%s\" is taken a second time", name);
  check_order(r, class, taker);
  if(kind == LOCK_SPINS)
    check_interrupts(r, &classes[class], on, taker);
  if(!off)
    push(r, l, class, taker);
  intr_restore(on);
}

void
lock_lets_go(const void *l)
{
  struct lock_record *r = &current->locks;
  if(off || panicking())
    return;
  bool on = intr_save();
  struct held_lock *h = find_held(r, l);
  if(h)
    drop(r, h);
  else if(begin_report())
    broken("the lock at %p is released and was not held", l);
  intr_restore(on);
}

void
lock_passes(const void *l, struct task *from, struct task *to)
{
  struct held_lock *h = find_held(&from->locks, l);
  if(off || panicking() || !h)
    return;
  push(&to->locks, l, h->class, h->taker);
  drop(&from->locks, h);
}
