// SPDX-License-Identifier: MIT
//
// Loads and stores of memory that is not there to be touched, in a KASAN=1
// build: freed objects and frames, beyond the end of objects, globals and locals.
//
// Every 8 bytes of kernel memory have a shadow byte at (address >> 3) +
// SHADOW_OFFSET, which the compiler knows too (Makefile):
//   0 = all may be touched; 1 to 7 = the first so many; else none: why not.
// The compiler calls __asan_load and __asan_store before every access, and
// surrounds globals and locals with poison.
//
// This file itself is compiled without those calls.  Locks: vmap's > kasan.lock > kmap's, buddy.

#include "kernel/debug/kasan.h"
#include <pmap.h>
#include "kernel/errno.h"
#include "kernel/ksym.h"
#include "kernel/list.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slab_inside.h"
#include "mm/vmap.h"

#define SHADOW_OFFSET 0xdffffff000000000UL
#define SHADOW_START  0xffffffe800000000UL    // of the lowest kernel address, and
#define SHADOW_END    0xfffffff000000000UL    // past that of the highest

enum { UNIT = 8, SPAN = UNIT * PAGE_SIZE };     // a span has a page of shadow

static struct spinlock lock = SPINLOCK_INIT("kasan");
static struct list gone = LIST_INIT(gone);      // frames that were shadow, each by its start
static bool on;

static u8 *
shadow(u64 va)
{
  return (u8 *)((va >> 3) + SHADOW_OFFSET);
}

static bool
in_shadow(va_t va)
{
  return va >= SHADOW_START && va < SHADOW_END;
}

static void
set_shadow(u64 va, u64 n, u8 value)
{
  for(u8 *s = shadow(va), *end = shadow(va + n); s < end; s++)
    *s = value;
}

// ---- What may be touched ----

void
kasan_poison(const void *p, u64 n, enum poison why)
{
  if(on)
    set_shadow((u64)p, round_up(n, UNIT), (u8)why);
}

void
kasan_unpoison(const void *p, u64 n)
{
  if(!on)
    return;
  set_shadow((u64)p, n, 0);
  if(n % UNIT)
    *shadow((u64)p + n) = n % UNIT;
}

void
kasan_resize(const void *p, u64 n, u64 room)
{
  kasan_unpoison(p, n);
  u64 used = round_up(n, UNIT);
  if(used < room)
    kasan_poison((const u8 *)p + used, room - used, POISON_SLACK);
}

static bool
cover_page(va_t page)
{
  pa_t pa;
  char prot[4];
  if(kmap_lookup(page, &pa, prot))
    return true;
  struct frame *f = frame_alloc(KIND_KERNEL, ALLOC_ZERO);
  if(f == NULL)
    return false;
  if(kmap_pages(page, frame_pa(f), PAGE_SIZE, KMAP_RW) == 0)
    return true;
  frame_free(f);
  return false;
}

int
kasan_cover(va_t va, u64 len)
{
  if(in_shadow(va))
    return 0;
  bool done = true;
  spin_lock(&lock);
  va_t end = (va_t)shadow(va + len - 1);
  for(va_t page = page_down((va_t)shadow(va)); done && page <= end; page += PAGE_SIZE)
    done = cover_page(page);
  spin_unlock(&lock);
  return done ? 0 : -ENOMEM;
}

static bool
span_is_mapped(va_t span)
{
  pa_t pa;
  char prot[4];
  for(va_t va = span; va < span + SPAN; va += PAGE_SIZE)
    if(kmap_lookup(va, &pa, prot))
      return true;
  return false;
}

void
kasan_uncover(va_t va, u64 len)
{
  pa_t pa;
  char prot[4];
  if(in_shadow(va))
    return;
  spin_lock(&lock);
  for(va_t span = round_down(va, SPAN); span < va + len; span += SPAN){
    va_t page = (va_t)shadow(span);
    if(!span_is_mapped(span) && kmap_lookup(page, &pa, prot)){
      kmap_remove(page, PAGE_SIZE);
      list_push(&gone, pa_kva(pa));
    }
  }
  spin_unlock(&lock);
}

// After boot no shadow comes or goes but that of the vmap area.
void
kasan_fence(va_t va)
{
  struct list mine = LIST_INIT(mine);
  if(in_shadow(va))
    return;
  spin_lock(&lock);
  list_push(&gone, &mine);
  list_remove(&gone);              // mine is the head of the others now
  spin_unlock(&lock);
  kmap_fence((va_t)shadow(VMAP_BASE), (VMAP_END - VMAP_BASE) / UNIT);
  while(!list_empty(&mine)){
    struct list *first = mine.next;
    list_remove(first);
    frame_free(kva_frame(first));
  }
}

void
kasan_start(void)
{
  extern void (*const __init_start[])(void), (*const __init_end[])(void);
  on = true;
  for(void (*const *init)(void) = __init_start; init < __init_end; init++)
    (*init)();
  for(u64 pfn = frame_first; pfn < frame_last; pfn++){
    struct frame *f = pfn_frame(pfn);
    if(frame_kind(f) == KIND_FREE || frame_kind(f) == KIND_BATCH)
      kasan_poison(frame_kva(f), PAGE_SIZE, POISON_FREE_FRAME);
  }
}

// ---- Errors ----

static const char *
reason(u8 s)
{
  switch(s){
  case 1 ... 7: return "beyond the end of an object";
  case POISON_FREE_FRAME: return "in a free page";
  case POISON_FREE_OBJECT: return "in a free object";
  case POISON_SLACK: return "beyond the end of an object";
  case POISON_GLOBAL: return "beyond the end of a global variable";
  case POISON_SCOPE: return "in a local variable that is gone";
  case 0xf1 ... 0xf3: return "beyond the end of a local variable";
  default: return "poisoned";
  }
}

static void
print_shadow(u64 va)
{
  enum { LINE = 16 };
  for(i32 line = -1; line <= 1; line++){
    u64 at = round_down(va, LINE * UNIT) + (u64)line * LINE * UNIT;
    pa_t pa;
    char prot[4];
    if(!kmap_lookup(page_down((va_t)shadow(at)), &pa, prot))
      continue;
    printk("  shadow of %lx:", at);
    for(u64 i = 0; i < LINE; i++)
      printk(at + i * UNIT == round_down(va, UNIT) ? "[%02x]" : " %02x ", *shadow(at + i * UNIT));
    printk("\n");
  }
}

static void
print_object(u64 va)
{
  struct frame *f = kva_frame((void *)va);
  if(va >= VMAP_BASE || frame_kind(f) != KIND_SLAB)
    return;
  const struct slab *s = slab_of((void *)va);
  const struct cache *c = s->cache;
  u64 i = va < (u64)s->base ? 0 : (va - (u64)s->base) / c->stride;
  u64 object = (u64)s->base + i * c->stride;
  printk("  %ld bytes into object %lx of %u bytes, cache %s\n", (i64)(va - object), object,
         c->size, c->name);
}

static void __attribute__((noreturn))
report(u64 va, u64 n, bool write, u64 bad, u64 caller)
{
  on = false;
  struct ksym by;
  ksym(caller, &by);
  u8 s = *shadow(bad);
  if(s >= 1 && s < UNIT)
    bad = max(bad, round_down(bad, UNIT) + s);
  printk("\n");
  print_object(bad);
  print_shadow(bad);
  panic("KASAN: %s of %lu bytes at %lx by %s: byte %lu is %s", write ? "store" : "load", n, va,
        by.name, bad - va, reason(s));
}

// The first unit in which not all of [va, va + n) may be touched.
static void
check(u64 va, u64 n, bool write, u64 caller)
{
  if(!on || va < direct_base || in_shadow(va))
    return;                        // what is not kernel memory faults by itself
  u64 end = va + n;
  for(u64 at = va; at < end; at = round_down(at, UNIT) + UNIT){
    u8 s = *shadow(at);
    if(unlikely(s != 0) && (s >= UNIT || min(end - round_down(at, UNIT), (u64)UNIT) > s))
      report(va, n, write, at, caller);
  }
}

void
kasan_check(const void *p, u64 n, bool write)
{
  check((u64)p, n, write, (u64)__builtin_return_address(0));
}

// ---- What the compiler calls ----

#define ACCESS(size) \
  void __asan_load##size##_noabort(u64 va); \
  void __asan_store##size##_noabort(u64 va); \
  void __asan_load##size##_noabort(u64 va) \
  { \
    check(va, size, false, (u64)__builtin_return_address(0)); \
  } \
  void __asan_store##size##_noabort(u64 va) \
  { \
    check(va, size, true, (u64)__builtin_return_address(0)); \
  }

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

struct global {
  u64 start, size, size_with_redzone;
  const char *name, *file;
  u64 dynamic, place, odr;
};

void __asan_loadN_noabort(u64 va, u64 n);
void __asan_storeN_noabort(u64 va, u64 n);
void __asan_register_globals(const struct global *g, u64 n);
void __asan_unregister_globals(const struct global *g, u64 n);
void __asan_handle_no_return(void);
void __asan_poison_stack_memory(u64 va, u64 n);
void __asan_unpoison_stack_memory(u64 va, u64 n);

void
__asan_loadN_noabort(u64 va, u64 n)
{
  check(va, n, false, (u64)__builtin_return_address(0));
}

void
__asan_storeN_noabort(u64 va, u64 n)
{
  check(va, n, true, (u64)__builtin_return_address(0));
}

void
__asan_register_globals(const struct global *g, u64 n)
{
  for(; n > 0; n--, g++){
    kasan_poison((void *)g->start, g->size_with_redzone, POISON_GLOBAL);
    kasan_unpoison((void *)g->start, g->size);
  }
}

void
__asan_unregister_globals(const struct global *g, u64 n)
{
}

// The frames of this stack will not be left one by one.
void
__asan_handle_no_return(void)
{
  kasan_unpoison(current->stack, KSTACK_SIZE);
}

void
__asan_poison_stack_memory(u64 va, u64 n)
{
  kasan_poison((void *)va, n, POISON_SCOPE);
}

void
__asan_unpoison_stack_memory(u64 va, u64 n)
{
  kasan_unpoison((void *)va, n);
}
