// SPDX-License-Identifier: MIT
//
// What stands in the places of lab slab's functions: a slab for each object.

// How many objects of c fit into a slab of so many bytes, beside their header.
//
// => the most for which the header (header_size() of that many), rounded up to `align`, and
//    the objects, c->stride apart, are no longer than `bytes`
//
// Yours to write.  As it stands, one does, or none.
static u32
capacity(const struct cache *c, u64 bytes, u32 align)
{
  return round_up(header_size(c, 1), align) + c->stride <= bytes;
}

// Choose how large the slabs of c are.
//
// => c->order: the smallest at which at least one object fits and at most an eighth of the
//    slab is no object's, or SLAB_ORDER_MAX
// => c->per_slab: capacity() of that
// => c->first: where the first object lies, behind the header, rounded up to `align`
// => c->colours: in how many places the first object may lie, CACHE_LINE apart, without the
//    last one leaving the slab; at least 1
//
// Yours to write.  As it stands, the smallest slab that one object fits in.
static void
choose_order(struct cache *c, u32 align)
{
  while((c->per_slab = capacity(c, PAGE_SIZE << c->order, align)) == 0)
    c->order++;
  c->first = (u32)round_up(header_size(c, 1), align);
  c->colours = 1;
}

// Take an object out of a slab; c->lock is held.
//
// => the object: from a slab in use if there is one (c->partial), else from an empty one;
//    NULL without either
// => The slab's chain of free objects, its `used`, the list it stands on, c->active and
//    c->nempty say so.  next[] of an object that is out is IN_USE.
// => kasan_unpoison() and, with c->debug, redzone_take() have seen the object.
//
// Yours to write.  As it stands, a slab has one object.
static void *
take_object(struct cache *c)
{
  if(list_empty(&c->empty))
    return NULL;
  struct slab *s = list_first(&c->empty, struct slab, link);
  s->free = NO_OBJECT;
  s->next[0] = IN_USE;
  s->used = 1;
  slab_move(s, &c->full);
  c->nempty--;
  c->active++;
  void *p = object_at(c, s, 0);
  kasan_unpoison(p, c->size);
  if(c->debug)
    redzone_take(c, p);
  return p;
}

// Give slabs without objects back until only `keep` are left; c->lock is held.
//
// => how many frames went (frames_release())
//
// Yours to write.  As it stands, none are kept.
static u64
cache_trim(struct cache *c, u32 keep)
{
  u64 frames_back = 0;
  while(!list_empty(&c->empty)){
    struct slab *s = list_first(&c->empty, struct slab, link);
    list_remove(&s->link);
    c->slabs--;
    c->nempty--;
    frames_release(kva_frame(s), c->order);
    frames_back += 1UL << c->order;
  }
  return frames_back;
}

// An object comes back to its slab; c->lock is held.
//
// => slab_of() and slab_index() tell which it is.  One that is not IN_USE was freed before:
//    freed_twice().
// => With c->debug redzone_put(), and kasan_poison(), have seen it.
// => It is the first of its slab's free ones.  `used`, c->active, c->nempty and the list that
//    the slab stands on say so; of slabs without objects at most EMPTY_MAX are kept.
//
// Yours to write.  As it stands, a slab has one object, and goes with it.
void
slab_put_locked(struct cache *c, void *p)
{
  struct slab *s = slab_of(p);
  u32 i = slab_index(c, s, p);
  if(s->next[i] != IN_USE)
    freed_twice(c, p);
  if(c->debug)
    redzone_put(c, p);
  kasan_poison(p, c->stride, POISON_FREE_OBJECT);
  s->next[0] = NO_OBJECT;
  s->free = 0;
  s->used = 0;
  c->active--;
  c->nempty++;
  slab_move(s, &c->empty);
  cache_trim(c, EMPTY_MAX);
}
