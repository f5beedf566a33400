// SPDX-License-Identifier: MIT
//
// The lock order, learned and held against: a lock's class is its name, and an
// edge says that one class was taken while another was held.  An edge that
// closes a circle, a lock taken twice, and a sleep with a lock held are panics.

#include "hosted.h"

enum { CLASSES = 96 };

static struct {
  const char *name, *kind;
  bool before[CLASSES];        // classes taken while this one was held
} classes[CLASSES];
static u32 nclasses;

static u32
class_of(const char *name, const char *kind)
{
  for(u32 i = 0; i < nclasses; i++)
    if(strcmp(classes[i].name, name) == 0 && strcmp(classes[i].kind, kind) == 0)
      return i;
  assert(nclasses < CLASSES);
  classes[nclasses].name = name;
  classes[nclasses].kind = kind;
  return nclasses++;
}

static bool
reaches(u32 from, u32 to, bool *seen)
{
  if(from == to)
    return true;
  seen[from] = true;
  for(u32 i = 0; i < nclasses; i++)
    if(classes[from].before[i] && !seen[i] && reaches(i, to, seen))
      return true;
  return false;
}

// fork holds two spaces and a leaf table of each, the parent's first; the
// child's upper tables are known to nobody else while they are made.
static bool
fork_may(u32 held, u32 taking)
{
  u32 spaces = 0;
  for(u32 i = 0; i < held_locks()->n; i++)
    spaces += held_locks()->lock[i].class == class_of("space", ".lock");
  if(held == taking)
    return held == class_of("space", ".lock") ||
           (held == class_of("leaf table", "") && spaces == 2);
  return spaces == 2 && held == class_of("leaf table", "") && taking == class_of("pmap.upper", "");
}

static void
add_edge(u32 held, u32 taking)
{
  bool seen[CLASSES] = { false };
  if(classes[held].before[taking] || fork_may(held, taking))
    return;
  if(reaches(taking, held, seen))
    panic("lock order: %s%s taken while %s%s is held", classes[taking].name, classes[taking].kind,
          classes[held].name, classes[held].kind);
  classes[held].before[taking] = true;
}

void
order_taking(const void *lock, const char *name, const char *kind)
{
  struct held_locks *h = held_locks();
  preemption_point();
  for(u32 i = 0; i < h->n; i++){
    if(h->lock[i].lock == lock)
      panic("lock order: %s%s taken twice", name, kind);
    add_edge(h->lock[i].class, class_of(name, kind));
  }
}

void
order_taken(const void *lock, const char *name, const char *kind)
{
  struct held_locks *h = held_locks();
  assert(h->n < HELD_MAX);
  h->lock[h->n++] = (struct held){ lock, class_of(name, kind) };
}

void
order_released(const void *lock)
{
  struct held_locks *h = held_locks();
  u32 i = h->n;
  while(i > 0 && h->lock[i - 1].lock != lock)
    i--;
  if(i == 0)
    panic("a lock is released that is not held");
  for(; i < h->n; i++)
    h->lock[i - 1] = h->lock[i];
  h->n--;
}

void
holds_nothing(void)
{
  struct held_locks *h = held_locks();
  if(h->n)
    panic("lock order: may sleep while %s%s is held", classes[h->lock[0].class].name,
          classes[h->lock[0].class].kind);
}
