// SPDX-License-Identifier: MIT
//
// What stands in the places of lab lazy's functions: memory is there at once.

// A fill for now: a frame of zeroes takes the place of nothing.
static inline int
zero_fill(struct at at);

// A read of anonymous memory that nobody has touched: at.e is empty.
//
// => FAULT_OK: at.e names zero_frame, the one frame of zeroes that all share.  It has the
//    rights of the area but W, so that a store faults again (without_write(), entry_prot(),
//    map()).  zero_frame is not counted.  resolved() tells it to whoever counts or traces:
//    VM_ZERO_MAP.
//
// Yours to write.  As it stands, each page gets a frame of its own at once.
static int
zero_map(struct at at)
{
  return zero_fill(at);
}

// A store to anonymous memory: at.e is empty, or names zero_frame.
//
// => FAULT_OK: at.e names a new private frame full of zeroes, with the area's rights and D
//    (private_frame() makes it, with its counts; map() enters it).  resolved(): VM_ZERO_FILL.
// => If the entry named zero_frame, no hart remembers that any more (fence_page()).
// => NEED_MEMORY: nothing has changed.
//
// Yours to write.  As it stands it is right only where there was nothing before.
static inline int
zero_fill(struct at at)
{
  struct frame *f = private_frame(at.space, at.va, ALLOC_ZERO);
  if(f == NULL)
    return NEED_MEMORY;
  map(at, f, entry_prot(at.area), true);
  return resolved(at, VM_ZERO_FILL);
}

// brk(a[0]): the heap ends there from now on.
//
// => the end of the heap; the old one if it could not be moved
// => Only if the space wants all that comes to be locked in memory (s->future) is the new
//    part brought in, by vm_populate_locked().
//
// Yours to write.  As it stands, every page of the heap is made at once.
i64
sys_brk(const u64 *a)
{
  struct space *s = current->space;
  va_t old = s->brk, brk = vm_brk(s, a[0]);
  if(brk > old && vm_populate(s, page_up(old), page_up(brk) - page_up(old), ACCESS_WRITE) != 0)
    brk = vm_brk(s, old);
  return (i64)brk;
}

// Memory that begins as zeroes: an area without an object. => its address, or -errno
//
// Yours to write: an area is only an intention.  As it stands, every page is made at once.
static i64
map_anonymous(va_t addr, u64 len, u32 prot, u32 flags)
{
  i64 at = vm_map(current->space, addr, len, prot, flags | MAP_ANONYMOUS, NULL, 0, NULL);
  u32 access = prot & PROT_WRITE ? ACCESS_WRITE : prot & PROT_READ ? ACCESS_READ : 0;
  if(at > 0 && access && vm_populate(current->space, (va_t)at, page_up(len), access) != 0){
    vm_unmap(current->space, (va_t)at, len);
    return -ENOMEM;
  }
  return at;
}
