// SPDX-License-Identifier: MIT
//
// Address spaces and the areas they are made of.

#pragma once

#include <pmap.h>
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"
#include "mm/demand.h"

struct file;
struct lineage;
struct object;

// User addresses.  The first 64 KiB and the topmost GiB are never mapped.
#define USER_MIN   0x10000UL
#define USER_MAX   (1UL << 38)
#define USER_TOP   (USER_MAX - GiB)     // stacks grow down from here

// Linux's values.
enum {
  MAP_SHARED = 0x1, MAP_PRIVATE = 0x2, MAP_SHARED_VALIDATE = 0x3, MAP_TYPE = 0xf, MAP_FIXED = 0x10,
  MAP_ANONYMOUS = 0x20, MAP_GROWSDOWN = 0x100, MAP_LOCKED = 0x2000,
  MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000, MAP_STACK = 0x20000, MAP_HUGETLB = 0x40000,
  MAP_FIXED_NOREPLACE = 0x100000,
  MAP_LEGACY = 0x7c07f933,  // the flags that MAP_SHARED_VALIDATE knows; it takes no other
  MAP_MAYWRITE = 1 << 30,   // ours: mprotect may add PROT_WRITE to this shared mapping
};

enum {
  AREA_SHARED = 1,     // stores reach the object; else private, copied on write
  AREA_STACK = 2,      // grows down on a fault below it
  AREA_HEAP = 4,       // the brk area
  AREA_MAYWRITE = 8,   // mprotect may add PROT_WRITE (file opened for writing, or private)
  AREA_LOCKED = 16,    // mlock: its pages stay; set under the object's areas_lock too
  AREA_DONTFORK = 32,  // a child does not get it,
  AREA_WIPEONFORK = 64,  // or gets it empty
  AREA_ONFAULT = 128,    // locked, but not brought in before it is touched
};

// [start, end) of one protection over one store.  Anonymous private memory has
// no object.  space.lock.
struct area {
  va_t start, end;
  u32 prot, flags;
  struct object *object;
  u64 offset;                  // of start, bytes in the object
  struct space *space;
  struct area *left, *right;   // tree, see area.c
  u32 priority;
  u64 gap, gap_max;            // free space below start; largest in the subtree
  struct file *file;           // what was mapped, referenced; NULL if anonymous
  struct list in_object;       // object->areas, under its areas_lock
  struct list in_space;        // on its way in or out
};

enum { NEEDS = 64 };

struct space {
  struct rwlock lock;          // areas and brk; read: faults, write: changes
  u64 refs;
  struct area *root;           // by address
  struct area *recent;         // the last area a fault found, or `nowhere`
  u32 nareas;
  va_t brk_start, brk;
  va_t mmap_top;               // mmap places areas downwards from here
  u64 stack_limit;             // bytes; so are
  u64 size_max, heap_max;      // the most there may be of all areas, and of the heap
  va_t stack_start, arg_start, arg_end, env_start, env_end;
  struct file *exe;            // the program, referenced
  va_t trampoline;             // where signal handlers return to; 0: not mapped

  struct pmap pmap;
  struct lineage *lineage;
  u32 owner, place;            // number of that, and place in it
  struct list link;            // all spaces
  u32 pid;                     // of the process it was made for, for those who look on
  i32 oom_score_adj;
  bool dying;                  // nobody runs it any more: it needs no fences
  bool doomed;                 // chosen when memory ran out

  va_t swap_next;              // where faults in order would go on; see swapin.c
  u32 swap_window, swap_wanted, swap_run;

  struct demand demand;
  bool suspended;              // by load control; this is under all_spaces_lock,
  u64 load_since, load_set;    // since when it is, or is not; its working set then
  u64 load_spared;             // it must not be, in this round
  va_t hand;                   // where to look for its pages next; the reaper's

  u64 ws_min, ws_max;          // pages it keeps, and may have (0: any number); see local.h
  u64 ws_priority, ws_limit;   // ws_max or less, with what is allotted to it
  u32 careful;                 // CAREFUL_ bits: the next fault is no ordinary one
  u64 resident;                // about; atomic
  u32 needs[NEEDS], nneeds;    // pages it waited for last, by number; atomic
  bool full;                   // it has to give up pages
  u32 laps;                    // of its hand since then

  struct space *since;         // what it was when it was last saved, or NULL; under family_lock
  char *saved_as;              // of such a copy, or if there is none of what it was restored
                               // from: where, kmalloc'd, or NULL

  u64 mapped, mapped_most;     // pages of all areas; the most there were before they shrank
  u32 future;                  // AREA_ flags for what will be mapped, after mlockall
};

// => refs 1 and a lineage of its own; NULL without memory
struct space *space_create(void);

// A copy-on-write copy in the same lineage. => 0, *out with refs 1; -ENOMEM
int space_fork(struct space *parent, struct space **out);

struct space *space_get(struct space *s);
void space_put(struct space *s);   // the last one unmaps everything; may sleep; NULL is nothing

// All tasks of s have been killed, but may take their time: take its pages away now.  What
// they still touch they may not.  Nobody sleeps for long with space.lock: it is not long.
void space_strip(struct space *s);

// ---- Changing the map.  All take space.lock for writing and may sleep. ----

// As mmap(2), prot and flags checked by the caller against the file's; with an
// object, takes over one reference to it, and one to `file` (also on failure).
// => address, or -EINVAL -ENOMEM -EEXIST -EACCES -EOVERFLOW
i64 vm_map(struct space *s, va_t addr, u64 len, u32 prot, u32 flags,
           struct object *o, u64 offset, struct file *file);
int vm_unmap(struct space *s, va_t addr, u64 len);
int vm_protect(struct space *s, va_t addr, u64 len, u32 prot);
va_t vm_brk(struct space *s, va_t brk);        // => the resulting break
int vm_stack(struct space *s, va_t top, u64 limit);


// As mremap(2), flags checked by the caller. => the new address; -EINVAL, -EFAULT (not
// one area), -ENOMEM
i64 vm_remap(struct space *s, va_t old, u64 old_len, u64 new_len, u32 flags, va_t new);
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };

// The rest is about ranges of whole pages that need not be one area.  What lies in holes
// does not hinder them but gives -ENOMEM; an area that does not `fit` (NULL: all do) is
// -EINVAL and the end.

// Drop the private pages of a range: the next touch sees fresh ones.
int vm_discard(struct space *s, va_t addr, u64 len, bool (*fits)(const struct area *a));

// Send the pages of a range that only this space maps out of memory, as far as they can
// go at once; -EINVAL at a locked area.  Sleeps
int vm_page_out(struct space *s, va_t addr, u64 len);

// Copy what every 2 MiB of a range have, whole and at their place, to frames in a row, so
// that the hardware can map them by one entry; the pages are what they were.  Sleeps.
// => -EINVAL: not private memory without an object that may be written, or nothing of it is
// there; -ENOMEM: no such frames; -EBUSY: over its limit; -EAGAIN: not now
int vm_collapse(struct space *s, va_t addr, u64 len);

// Bring back what of [va, end) is in swap, as far as memory and disk allow.  Sleeps
void vm_swap_in(struct space *s, va_t va, va_t end);

// Change areas' flags, AREA_LOCKED only up to the first hole. => also -ENOMEM if areas had
// to be cut and could not be
int vm_change_flags(struct space *s, va_t addr, u64 len, u32 clear, u32 set,
                    bool (*fits)(const struct area *a));

// How areas are locked, some of AREA_LOCKED and _ONFAULT: those there are now if `all`,
// and those to come. => 0, or -ENOMEM, only to lock
int vm_lock_all(struct space *s, bool all, u32 how, u32 future);

// Of each page of a range: is it in memory? => -ENOMEM: a hole, in[] not filled
int vm_incore(struct space *s, va_t addr, u64 pages, u8 *in);

// May that much be promised?  With vm_overcommit as Linux's setting of that name: 0, the
// heuristic, no single mapping larger than all of memory; 1, always.
bool vm_may_promise(u64 len);
extern u64 vm_overcommit;

// Look at areas in order: the first with end > va. => false if none; a copy,
// with a reference on .file
bool vm_area_at(struct space *s, va_t va, struct area *copy);

// The store behind a byte of shared memory. => referenced and *offset set, or NULL
struct object *vm_object_at(struct space *s, va_t va, u64 *offset);

// ---- Faults (fault.c) ----

// KEEP: none at all, but what is there has to be in memory.
enum access {
  ACCESS_READ = PROT_READ, ACCESS_WRITE = PROT_WRITE, ACCESS_EXEC = PROT_EXEC, ACCESS_KEEP = 8,
};

// What the faulter gets; all but FAULT_OK become a signal (or -EFAULT).
enum fault {
  FAULT_OK,        // mapped now; run the instruction again
  FAULT_MAPERR,    // SIGSEGV, SEGV_MAPERR: no area there
  FAULT_ACCERR,    // SIGSEGV, SEGV_ACCERR: the area forbids it
  FAULT_ADRERR,    // SIGBUS, BUS_ADRERR: past the end of the object, or no block
  FAULT_IO,        // SIGBUS: the store could not be read
  FAULT_OOM,       // no memory even after the OOM killer had its say
};
enum fault vm_fault(struct space *s, va_t va, enum access access);   // may sleep

// Its two halves, for traps.  Interrupts are off: => false if it takes the second
bool vm_fault_at_once(struct space *s, va_t va, enum access access);
enum fault vm_fault_rest(struct space *s, va_t va, enum access access);   // may sleep

// Fault in every page of [addr, addr + len), whole pages.  What was done before an
// error stays. => 0, -ENOMEM (also a hole), -EINVAL (not allowed), -EFAULT, -EINTR
int vm_populate(struct space *s, va_t addr, u64 len, enum access access);

// The same for all areas of a range, each as it is most likely to be used; the first
// error ends it. => that, or -ENOMEM for a hole
int vm_make_present(struct space *s, va_t addr, u64 len);

// Something was mapped, or may be written now: bring in what of it is locked.
void vm_populate_locked(struct space *s, va_t addr, u64 len);

// ---- The whole system ----

// Recount everything (check.c). => number of lies found, each printk'd
u64 vm_check(void);

// What a fault may have to wait for: a free frame, a page to be read from a file, a place for
// one in the file system, pages from swap, somebody else's I/O.
enum { WAIT_MEMORY, WAIT_FILE, WAIT_PLACE, WAIT_SWAP, WAIT_BUSY, WAITS };

// A fault has to stay within ws_limit; is to be timed.
enum { CAREFUL_LIMIT = 1, CAREFUL_TIME = 2 };

enum vm_event {
  VM_FAULT, VM_MAJOR, VM_ZERO_FILL, VM_ZERO_MAP, VM_FILE_MAP, VM_COW_COPY, VM_COW_REUSE,
  VM_SPURIOUS, VM_SWAP_MAP, VM_FILE_READ, VM_FILE_WRITE, VM_OOM_KILL, VM_SHOOTDOWN,
  VM_SWAP_IN, VM_SWAP_OUT, VM_SWAP_READ, VM_SWAP_WRITE, VM_SWAP_AHEAD_HIT,
  VM_SCAN, VM_STEAL, VM_VICTIM_CLEAN, VM_VICTIM_DIRTY, VM_RESCUE, VM_VISIT, VM_WRITE_AHEAD,
  VM_UNDIRTIED, VM_WRITTEN, VM_DRAIN, VM_JOIN, VM_SPLIT,
  VM_WAITS, VM_WAITED = VM_WAITS + WAITS,     // of faults, by what for; nanoseconds
  VM_TIMED = VM_WAITED + WAITS,               // of faults, by how they were resolved: samples;
  VM_KINDS = VM_SWAP_MAP + 1 - VM_ZERO_FILL,  // there are so many kinds
  VM_TIMED_NS = VM_TIMED + VM_KINDS,          // and nanoseconds
  VM_EVENTS = VM_TIMED_NS + VM_KINDS,
};

// Another hart's counter is hit if the task moves between the two steps, so the
// addition is atomic.
static inline void
vm_count(enum vm_event e)
{
  atomic_add(&this_hart()->events[e], 1);
}

static inline void
vm_add(enum vm_event e, u64 n)
{
  atomic_add(&this_hart()->events[e], n);
}

// A fault is counted once, by how it was resolved.  Those that took more or fewer steps than one
// are put right in VM_FAULT, whose sum includes the others.
u64 vm_counter(enum vm_event e);
const char *vm_event_name(enum vm_event e);    // Linux's name where it has one

// Space of the next victim for the OOM killer, by score. Referenced; NULL if none.
struct space *oom_victim(void);
u64 oom_score(struct space *s);                // 0..1000, as Linux's

// What mm/ keeps of files is a reference and no more.
struct file *file_get(struct file *f);
void file_put(struct file *f);                 // may sleep; NULL is nothing
