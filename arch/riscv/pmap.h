// SPDX-License-Identifier: MIT
//
// Page tables, as mm/ sees them: spaces' maps of user pages, the kernel's own
// map, and the fences between a table and the harts that walk it.  Include it
// as <pmap.h>.  What an entry looks like is arch/riscv's alone to know.

#pragma once

#include "kernel/debug/fence_ledger.h"
#include "kernel/lock.h"
#include "kernel/types.h"

struct frame;
struct gather;

typedef u64 pte_t;   // opaque: see the functions below

// Linux's values.
enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };

// Ours, beside them when an entry is made: the page stays in memory (mlock).
enum { ENTRY_LOCKED = 1 << 8 };

struct pmap {
  pa_t root;
  struct spinlock upper;   // non-leaf entries, against the reverse map
  u64 active;              // harts that run it now
  u64 ran;                 // harts that ran it and may still hold translations
  u64 stale;               // harts that must flush before running it again
  u64 asid;                // generation << 16 | number
  u64 tables;              // page-table frames, those held in common too; atomic
  u64 frozen;              // entries of tables held in common, or once so; under upper
  u32 aside;               // frame of a table that a large page replaced, the next in its
                           // `owner`: one for each; under upper
};

int pmap_init(struct pmap *pm);             // => 0 or -ENOMEM
void pmap_destroy(struct pmap *pm);         // => every table but the root has been pruned
void pmap_switch(struct pmap *from, struct pmap *to);  // interrupts off; NULL = kernel only

// ---- One entry ----

// present: a page, mapped.  hidden: a page under PROT_NONE.  swapped: a slot.
enum pte_state { PTE_NONE, PTE_PRESENT, PTE_HIDDEN, PTE_SWAPPED };

#include "pte.h"     // pte_state() pte_frame() pte_make() ... of one entry's value
#include "walk.h"

// The entry of va, its leaf table locked; pmap_unlock(entry) when done.
// pmap_find:  to look only; space.lock held (tables cannot go). => NULL if there is none
// pmap_make:  likewise, and makes the tables its own.  => NULL without memory
// pmap_reach: for the reverse map, which does not hold space.lock
pte_t *pmap_find(struct pmap *pm, va_t va);
pte_t *pmap_reach(struct pmap *pm, va_t va);
pte_t *pmap_make_tables(struct pmap *pm, va_t va);

static inline pte_t *
pmap_make(struct pmap *pm, va_t va)
{
  pte_t *e = pmap_walk(pm, va);
  return likely(e != NULL) ? e : pmap_make_tables(pm, va);
}

static inline void
pmap_unlock(pte_t *e)
{
  frame_unlock(kva_frame((void *)page_down((u64)e)));
}

// The entry `pages` further on.  => NULL if another table has it
static inline pte_t *
pmap_beside(pte_t *e, i64 pages)
{
  return page_down((u64)(e + pages)) == page_down((u64)e) ? e + pages : NULL;
}

// The one function that writes a leaf entry of a space; table locked.
// => the old entry, whose D bit the caller must not lose
static inline pte_t
pmap_set(pte_t *e, pte_t p)
{
  pte_t old = atomic_swap(e, p);
  ledger_set(e, old, p);
  return old;
}

// As if the hardware had used it.
static inline void
pmap_touch(pte_t *e, bool write)
{
  atomic_or(e, pte_touched(0, write));
}

// The hardware is asked afresh whether the page is used.  Without a fence it may
// not notice for a while.  => the old entry
static inline pte_t
pmap_forget_use(pte_t *e)
{
  pte_t old = atomic_and(e, ~PTE_A);
  ledger_set(e, old, old & ~PTE_A);
  return old;
}

// The same for stores: a store of a hart that has not been fenced shows nowhere.
static inline pte_t
pmap_forget_store(pte_t *e)
{
  pte_t old = atomic_and(e, ~PTE_D);
  ledger_set(e, old, old & ~PTE_D);
  return old;
}

// ---- Ranges; space.lock held for writing ----

// Take present and hidden entries out of [start, end) until the gather is full.
// => where it stopped; end when done
va_t pmap_clear(struct pmap *pm, va_t start, va_t end, struct gather *g);

// Take the D bits of shared pages in [start, end), those of hidden ones too; needs no
// space.lock.  `fold` fences and empties the gather: those pages' table is still locked then.
void pmap_clean(struct pmap *pm, va_t start, va_t end, struct gather *g,
                void (*fold)(struct gather *g));

// Change the protection of every entry in the range and fence what was taken
// away.  Write permission is given only to pages that need no fault for it: a
// private page that is the space's own, a shared one that has its place.
void pmap_protect(struct pmap *pm, va_t start, va_t end, u32 prot, bool shared);

// Mark the pages of a range as locked in memory, or no more.
void pmap_lock_pages(struct pmap *pm, va_t start, va_t end, bool locked);

// Copy the entries of a private area for fork: both sides lose W, every page
// counts one mapping more.  With `common`, tables that serve nothing but this area
// become common to both spaces instead (share.c).  The parent's fence is the caller's.
// => 0, or -ENOMEM (what was copied is in `to`, to be cleared)
int pmap_fork(struct pmap *to, struct pmap *from, va_t start, va_t end, bool common);

// Before a range is changed, every table in it must be the space's own; before it
// is cleared, those that it covers in part.  => 0 or -ENOMEM
int pmap_unshare(struct pmap *pm, va_t start, va_t end);
int pmap_unshare_edges(struct pmap *pm, va_t start, va_t end);

// Let go of the tables wholly in the range that other spaces hold too.
void pmap_let_go(struct pmap *pm, va_t start, va_t end);

// Free the tables that served [start, end) and serve nothing else: nothing is
// mapped in [floor, ceiling), which contains it.
void pmap_prune(struct pmap *pm, va_t start, va_t end, va_t floor, va_t ceiling);

// The same for a space that nobody runs and that maps nothing any more.
void pmap_prune_dying(struct pmap *pm, va_t start, va_t end);

// One large page instead of the 512 of a leaf table, if va's are the space's own, have been
// stored to, have equal permissions and lie in a row; space.lock is held for writing.  It is
// split when somebody wants the entry of one page: above arch/ all pages are small.
// => is it one now?
bool pmap_join(struct pmap *pm, va_t va);

// Call fn for each entry of a range that is not empty, its table locked; needs no
// space.lock.  A table that was common to several spaces since a fork is entered if
// `enter` says so (NULL: it is).  Pages of a large one are told with no table.
void pmap_scan(struct pmap *pm, va_t start, va_t end, bool (*enter)(struct frame *table),
               void (*fn)(void *arg, va_t va, pte_t p, const struct frame *table), void *arg);

// How many spaces hold a leaf table, which is locked.
static inline u32
table_holders(const struct frame *table)
{
  return table ? table->index + 1 : 1;
}

// Frames that entries from *va on name, at most n, but for the zero frame.  They are not
// kept. => how many; *va moved behind the last
u32 pmap_pages(struct pmap *pm, va_t *va, struct frame **v, u32 n);

// Pages that entries name, but for the zero frame.  => those in frames; if it is not NULL,
// *swapped: in slots
u64 pmap_resident(struct pmap *pm, u64 *swapped);

// ---- Fences ----

// pmap_fence_local: this hart, one page.  pmap_fence: every hart that may hold it;
// pmap_fence_page: the same of one page, preemption is off
static inline void pmap_fence_local(struct pmap *pm, va_t va);
static inline void pmap_fence_page(struct pmap *pm, va_t va);
void pmap_fence(struct pmap *pm, va_t start, va_t end);
void pmap_fence_everything(void);                    // all harts, all spaces
void pmap_fence_exec(void);    // new instructions of programs

#include "fence_page.h"

// ---- The kernel's own map ----

enum kmap_how { KMAP_RO, KMAP_RW, KMAP_RX };
// Neither of the first two fences: kmap_fence comes before the first use of a new
// page, and before a removed one's frame is freed.
int kmap_pages(va_t va, pa_t pa, u64 len, enum kmap_how how); // => 0 or -ENOMEM
void kmap_remove(va_t va, u64 len);
void kmap_fence(va_t va, u64 len);                            // every hart
bool kmap_lookup(va_t va, pa_t *pa, char prot[4]);            // "rwx" for reports

// The direct map of the kernel's text, read-only but while it is changed.
void kmap_text(enum kmap_how how);

#define VMAP_BASE 0xffffffe000000000UL
#define VMAP_END  0xffffffe080000000UL

// Boot: build the final kernel map (direct map, image with its permissions) from
// machine.ram and the linker's symbols, and load it on this hart.
void pmap_boot(void);
u64 pmap_kernel_satp(void);       // what a starting hart loads

// Print the walk of va level by level, in words (panic, /proc).
void pmap_explain(struct pmap *pm, va_t va);
