// SPDX-License-Identifier: MIT
//
// The fence ledger of a DEBUG=1 build.  An emulator forgets translations far more
// often than it must, so a missing fence does not show by itself.  Here:
//
//   * an entry that loses its page or a permission makes a note: which harts may
//     still hold the old translation, of what address in which space;
//   * a fence takes the harts it reaches off the notes it covers;
//   * when a frame is freed, no hart that runs the space may be on a note of it;
//     harts that do not are noted as owing a flush before they run it again;
//   * when a task sleeps or goes to user mode, the same holds for its own notes;
//   * a hart that loads an address-space number that meant another space to it
//     has to flush that number first.
//
// A space is named by its root table's frame number; 0 stands for the kernel's map.
// Lock: `busy`, a bare word with interrupts off; nothing is called under it.

#include <machine.h>
#include "kernel/debug/fence_ledger.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/space.h"
#include <pmap.h>

enum { HARTS = 64, ASIDS = 1 << 16, CHUNK = 512, KERNEL_MAP = 0, NONE = 0 };
#define ALL ~0UL

// What is known of a frame.
struct page {
  u64 harts;                       // of a root: have loaded it
  u64 owing;                       // of a root: must flush before they run it again
  u64 place;                       // of a root: which of its lives; of a leaf table: its va
  u32 root;                        // of a leaf table
  u32 notes;                       // first note of the frame
};

struct note {
  u32 next, prev;                  // of all; the free ones through `next`
  u32 next_of_frame;
  u32 root, pfn;                   // pfn NONE: only a permission was lost
  va_t start, end;
  u64 harts;
  struct task *maker;
};

struct meaning { u32 epoch, life, root; };   // of an ASID to a hart

static struct {
  u32 root;
  u64 asid;
  u32 epoch;                       // how often it flushed everything
  bool reuses;                     // loaded an ASID that meant another space
  struct meaning *asids;
} harts_known[HARTS];

static struct page **pages;        // in chunks
static struct note *notes;         // [0] heads the list
static u32 free_note;
static u64 lives;                  // of all roots
static u32 busy;
static bool on;

static struct page *
page(u64 pfn)
{
  return &pages[pfn / CHUNK][pfn % CHUNK];
}

static bool
open_book(void)
{
  bool irq = intr_save();
  while(__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
    machine_relax();
  return irq;
}

static void
close_book(bool irq)
{
  atomic_store_rel(&busy, 0);
  intr_restore(irq);
}

// ---- Boot ----

static void *
boot_alloc(u64 size)
{
  u32 order = 0;
  while(PAGE_SIZE << order < size)
    order++;
  struct frame *f = order <= MAX_ORDER ? frames_alloc(order, KIND_KERNEL, ALLOC_ZERO) : NULL;
  return f ? frame_kva(f) : NULL;
}

static bool
make_pages(void)
{
  u64 chunks = frame_last / CHUNK + 1;
  pages = boot_alloc(chunks * sizeof *pages);
  for(u64 i = frame_first / CHUNK; pages && i < chunks; i++)
    if((pages[i] = boot_alloc(CHUNK * sizeof **pages)) == NULL)
      return false;
  return pages != NULL;
}

static bool
make_notes(void)
{
  u64 n = min(frames_total() / 4 + 2048, (PAGE_SIZE << MAX_ORDER) / sizeof *notes);
  notes = boot_alloc(n * sizeof *notes);
  for(u32 i = 1; notes && i + 1 < n; i++)
    notes[i].next = i + 1;
  free_note = 1;
  return notes != NULL;
}

static bool
make_asids(void)
{
  for(u32 i = 0; i < nharts; i++)
    if((harts_known[i].asids = boot_alloc(ASIDS * sizeof(struct meaning))) == NULL)
      return false;
  return true;
}

void
ledger_start(void)
{
  on = make_pages() && make_notes() && make_asids();
  if(!on)
    printk("fence ledger: no memory for it, fences are not checked\n");
}

// ---- Notes ----

static void __attribute__((noreturn, format(printf, 1, 2)))
missing(const char *fmt, ...)
{
  char what[200];
  va_list ap;
  va_start(ap, fmt);
  on = false;
  atomic_store_rel(&busy, 0);
  vsnprintk(what, sizeof what, fmt, ap);
  panic("missing fence: %s", what);
}

static void
drop(struct note *n)
{
  u32 i = (u32)(n - notes);
  notes[n->prev].next = n->next;
  notes[n->next].prev = n->prev;
  if(n->pfn != NONE){
    u32 *link = &page(n->pfn)->notes;
    while(*link != i)
      link = &notes[*link].next_of_frame;
    *link = n->next_of_frame;
  }
  atomic_add(&n->maker->ledger.notes, -1U);
  n->next = free_note;
  free_note = i;
}

// A run of entries that lose a permission is one note, until the first fence.
static bool
extend(const struct note *new)
{
  struct note *last = &notes[notes[0].prev];
  if(new->pfn != NONE || last == notes || last->pfn != NONE || last->root != new->root ||
     last->maker != new->maker || last->harts != new->harts || last->end != new->start)
    return false;
  last->end = new->end;
  return true;
}

static void
make_note(u32 root, u32 pfn, va_t start, va_t end, u64 harts)
{
  struct note new = { .root = root, .pfn = pfn, .start = start, .end = end, .harts = harts,
                      .maker = current };
  if(harts == 0 || extend(&new))
    return;
  u32 i = free_note;
  if(i == NONE){
    on = false;
    printk("fence ledger: full, fences are not checked any more\n");
    return;
  }
  free_note = notes[i].next;
  new.prev = notes[0].prev;
  notes[i] = new;
  notes[new.prev].next = notes[0].prev = i;
  if(pfn != NONE){
    notes[i].next_of_frame = page(pfn)->notes;
    page(pfn)->notes = i;
  }
  atomic_add(&current->ledger.notes, 1);
}

// The harts hold nothing of the space that they could still use.
static void
excuse(u64 excused, u32 root)
{
  struct note *n;
  for(u32 i = notes[0].next, next; i != 0; i = next){
    n = &notes[i];
    next = n->next;
    if(n->root != root)
      continue;
    n->harts &= ~excused;
    if(n->harts == 0)
      drop(n);
  }
}

// Nobody will fence for this note any more.
static void
settle(struct note *n, const char *when)
{
  for(u32 h = 0; h < nharts; h++){
    if(!(n->harts >> h & 1))
      continue;
    if(n->root == KERNEL_MAP || harts_known[h].root == n->root)
      missing("%s, hart %u may still hold the translation of %lx to it or with more rights"
              " (space %x, frame %x, changed by task %u)", when, harts[h].id, n->start, n->root,
              n->pfn, n->maker->tid);
  }
  if(n->root != KERNEL_MAP)
    page(n->root)->owing |= n->harts;
  drop(n);
}

// ---- Changes ----

void
ledger_table(pa_t root, const u64 *entry, va_t va)
{
  if(!on)
    return;
  struct page *p = page(frame_pfn(kva_frame(entry)));
  p->root = (u32)(root >> PAGE_SHIFT);
  p->place = va - (u64)entry % PAGE_SIZE / sizeof *entry * PAGE_SIZE;
}

static bool
loses_right(pte_t old, pte_t new)
{
  static const u32 rights[] = { PROT_READ, PROT_WRITE, PROT_EXEC };
  for(u32 i = 0; i < count_of(rights); i++)
    if(pte_allows(old, rights[i]) && !pte_allows(new, rights[i]))
      return true;
  return false;
}

void
ledger_set(const u64 *entry, u64 old, u64 new)
{
  if(!on || pte_state(old) != PTE_PRESENT)
    return;
  bool moved = pte_state(new) != PTE_PRESENT ? pte_state(new) != PTE_HIDDEN :
                                               pte_frame(old) != pte_frame(new);
  if(!moved && !loses_right(old, new))
    return;
  bool irq = open_book();
  const struct page *table = page(frame_pfn(kva_frame(entry)));
  u64 harts = table->root == NONE ? 0 : page(table->root)->harts;
  va_t va = table->place + (u64)entry % PAGE_SIZE / sizeof *entry * PAGE_SIZE;
  u32 pfn = moved && !pte_is_zero(old) ? (u32)frame_pfn(pte_frame(old)) : NONE;
  make_note(table->root, pfn, va, va + PAGE_SIZE, harts);
  close_book(irq);
}

void
ledger_unlinked(pa_t root, u64 pfn)
{
  if(!on)
    return;
  bool irq = open_book();
  page(pfn)->root = NONE;          // changes of its entries need no fence now
  make_note((u32)(root >> PAGE_SHIFT), (u32)pfn, 0, ALL, page(root >> PAGE_SHIFT)->harts);
  close_book(irq);
}

void
ledger_unmapped(va_t va, u64 pfn)
{
  if(!on)
    return;
  bool irq = open_book();
  make_note(KERNEL_MAP, (u32)pfn, va, va + PAGE_SIZE, harts_online);
  close_book(irq);
}

// ---- Fences ----

// Does the number mean the space, in its present life, to hart h?
static bool
means(u32 h, u64 asid, u32 root)
{
  const struct meaning *m = &harts_known[h].asids[asid];
  return m->root == root && m->epoch == harts_known[h].epoch && m->life == (u32)page(root)->place;
}

static void
set_meaning(u32 h, u64 asid, u32 root)
{
  u32 life = root == NONE ? 0 : (u32)page(root)->place;
  harts_known[h].asids[asid] = (struct meaning){ harts_known[h].epoch, life, root };
}

static void
flushed(u32 h, u64 asid)
{
  u32 root = harts_known[h].root;
  bool own = asid == LEDGER_ANY || asid == harts_known[h].asid;
  if(asid == LEDGER_ANY)
    harts_known[h].epoch++;
  if(own){
    harts_known[h].reuses = false;
    set_meaning(h, harts_known[h].asid, root);
    if(root != NONE)
      page(root)->owing &= ~(1UL << h);
    return;
  }
  struct meaning *m = &harts_known[h].asids[asid];
  if(m->root != NONE && means(h, asid, m->root))
    page(m->root)->owing &= ~(1UL << h);
  m->root = NONE;
}

static void
fenced(u32 h, va_t start, va_t end, u64 asid)
{
  struct note *n;
  for(u32 i = notes[0].next, next; i != 0; i = next){
    n = &notes[i];
    next = n->next;
    if(n->start < start || n->end > end || !(n->harts >> h & 1))
      continue;
    if(asid != LEDGER_ANY && (n->root == KERNEL_MAP || !means(h, asid, n->root)))
      continue;
    n->harts &= ~(1UL << h);
    if(n->harts == 0)
      drop(n);
  }
  if(end == ALL)
    flushed(h, asid);
}

void
ledger_fenced(va_t start, va_t end, u64 asid)
{
  if(!on)
    return;
  bool irq = open_book();
  fenced(this_hart()->index, start, end, asid);
  close_book(irq);
}

void
ledger_fenced_remote(u64 harts, va_t start, u64 size)
{
  if(!on)
    return;
  bool irq = open_book();
  for(u32 h = 0; h < nharts; h++)
    if(harts >> h & 1)
      fenced(h, start, size == ALL ? ALL : start + size, LEDGER_ANY);
  close_book(irq);
}

// ---- Spaces on harts ----

void
ledger_loads(pa_t root, u64 asid)
{
  if(!on)
    return;
  bool irq = open_book();
  u32 h = this_hart()->index, r = (u32)(root >> PAGE_SHIFT);
  const struct meaning *m = &harts_known[h].asids[asid];
  if(page(r)->harts == 0)
    page(r)->place = ++lives;
  page(r)->harts |= 1UL << h;
  if(!means(h, asid, r)){
    // What the hart holds of the space, if anything, has another number, which it
    // will not use.
    page(r)->owing &= ~(1UL << h);
    excuse(1UL << h, r);
    harts_known[h].reuses = m->root != NONE && m->epoch == harts_known[h].epoch;
    set_meaning(h, asid, r);
  }
  harts_known[h].root = r;
  harts_known[h].asid = asid;
  close_book(irq);
}

void
ledger_switched(void)
{
  if(!on)
    return;
  u32 h = this_hart()->index, root = harts_known[h].root;
  if(harts_known[h].reuses)
    missing("hart %u loads ASID %lx for space %x, and has not flushed what it meant before",
            harts[h].id, harts_known[h].asid, root);
  if(root != NONE && page(root)->owing >> h & 1)
    missing("hart %u runs space %x again, and has not flushed pages it lost meanwhile",
            harts[h].id, root);
}

void
ledger_forget(pa_t root)
{
  if(!on)
    return;
  bool irq = open_book();
  u32 r = (u32)(root >> PAGE_SHIFT);
  excuse(ALL, r);
  struct page *p = page(r);
  p->harts = p->owing = 0;
  close_book(irq);
}

// ---- The test ----

void
ledger_freed(u64 pfn)
{
  if(!on || page(pfn)->notes == NONE)
    return;
  bool irq = open_book();
  while(page(pfn)->notes != NONE)
    settle(&notes[page(pfn)->notes], "as the frame is freed");
  close_book(irq);
}

void
ledger_settle(void)
{
  if(!on || current->ledger.notes == 0)
    return;
  bool irq = open_book();
  for(u32 i = notes[0].next, next; i != 0; i = next){
    next = notes[i].next;
    if(notes[i].maker == current)
      settle(&notes[i], "as its task sleeps or goes to user mode");
  }
  close_book(irq);
}
