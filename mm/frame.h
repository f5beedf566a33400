// SPDX-License-Identifier: MIT
//
// The frame table: one 32-byte record for every frame of RAM, and the only book
// there is about a frame.  The buddy allocator and the per-hart batches that
// hand frames out are behind frame_alloc().

#pragma once

#include "kernel/types.h"

// The state word.
//
//  63    62     61    60      59     58     57       56    55..52  51..36  35..18  17..0
//  LOCK  AHEAD  USED  PLACED  STALE  DIRTY  WRITING  BUSY  kind    pins    mapped  share
//
//  share    page-table entries (present or swapped) that name a private page;
//           1 for a page held by its object.  "May I write without copying?"
//  mapped   present entries.  "May the frame be freed?"
//  pins     I/O and kernel users in flight, and who waits for either: every task may at once.
//  The decrement that takes all three to zero frees the frame, whoever does it.
#define SHARE_1   (1UL << 0)
#define MAPPED_1  (1UL << 18)
#define PIN_1     (1UL << 36)
#define SHARE_MAX 0x3ffffUL
#define PINS_MAX  0xffffUL
#define MAPPED_FULL ((SHARE_MAX + 1) / 2 * MAPPED_1)      // the highest bit of `mapped`
#define COUNTS    ((1UL << 52) - 1)

#define FRAME_BUSY    (1UL << 56)  // contents or identity not valid yet, or no longer
#define FRAME_WRITING (1UL << 57)  // being written to its store; still usable
#define FRAME_DIRTY   (1UL << 58)  // differs from its store, or has none
#define FRAME_STALE   (1UL << 59)  // instruction caches may hold older bytes
#define FRAME_PLACED  (1UL << 60)  // an object's page that has its place in the store
#define FRAME_USED    (1UL << 61)  // otherwise than through a page table, since last asked
#define FRAME_AHEAD   (1UL << 62)  // read in with another one, and not yet wanted
#define FRAME_LOCK    (1UL << 63)

// kind: who the frame belongs to.  Legal states of the word by kind:
//   FREE      counts 0, no flags; first of a free block, its order in `index`
//   BATCH     counts 0, no flags; in a hart's batch of free frames
//   KERNEL    counts 0; boot image, large kmalloc (order in `index`), stacks, pipes
//   SLAB      counts 0; `owner` names the slab
//   TABLE     counts 0; LOCK guards a leaf's entries; tables below in `index`
//   ANON      share >= mapped, owner = lineage, index = virtual page number
//   OBJECT    share 1 while in its object (0 once removed), owner = object,
//             index = page in the object
//   ZERO      the one frame of zeroes; counts unused
enum frame_kind {
  KIND_FREE, KIND_BATCH, KIND_KERNEL, KIND_SLAB, KIND_TABLE, KIND_ANON, KIND_OBJECT, KIND_ZERO,
  KINDS,
};
extern const char *const frame_kind_names[KINDS];
#define KIND_SHIFT 52
#define KIND(k)    ((u64)(k) << KIND_SHIFT)

struct frame {
  u64 word;
  u32 owner;         // knum of a slab, lineage or object
  u32 index;         // in the owner; order of a free block
  u32 slot;          // swap slot that also holds this page, or 0
  u32 hint;          // place in its lineage of the space that mapped it last; of a page of
                     // metadata: place in the file system's transaction, or 0
  union {
    struct { u32 next, prev; };             // free: list, as frame numbers
    struct { u32 names, mappings : 24; };   // in use: the checker's recount, and in the
    struct { u8 none[7], age; };            // last byte the policy's age
  };
};
_Static_assert(sizeof(struct frame) == 32, "frame record");

// Frame number, physical address and direct-map address of one another.
extern struct frame *frames;   // indexed by frame number (biased)
extern u64 direct_base;        // kva = pa + direct_base
#define FRAME_NONE 0U

static inline u64 frame_pfn(const struct frame *f) { return (u64)(f - frames); }
static inline struct frame *pfn_frame(u64 pfn) { return frames + pfn; }
static inline pa_t
frame_pa(const struct frame *f)
{
  return ((u64)f - (u64)frames) * (PAGE_SIZE / sizeof(struct frame));
}

static inline struct frame *pa_frame(pa_t pa) { return frames + (pa >> PAGE_SHIFT); }
static inline void *pa_kva(pa_t pa) { return (void *)(pa + direct_base); }
static inline pa_t kva_pa(const void *kva) { return (u64)kva - direct_base; }
static inline void *frame_kva(const struct frame *f) { return pa_kva(frame_pa(f)); }
static inline struct frame *kva_frame(const void *kva) { return pa_frame(kva_pa(kva)); }

// A kernel object's number: its direct-map address in units of 16 bytes, so
// that a pointer takes 32 bits in a frame record.  0 = none.
enum { KNUM_UNIT = 16 };
static inline u32 knum(const void *p) { return p ? (u32)(kva_pa(p) / KNUM_UNIT) : 0; }
static inline void *knum_ptr(u32 n) { return n ? pa_kva((pa_t)n * KNUM_UNIT) : NULL; }

static inline enum frame_kind
word_kind(u64 w)
{
  return (enum frame_kind)(w >> KIND_SHIFT & 0xf);
}

static inline enum frame_kind
frame_kind(const struct frame *f)
{
  return word_kind(atomic_load(&f->word));
}

static inline u64 word_share(u64 w) { return w & SHARE_MAX; }
static inline u64 word_mapped(u64 w) { return (w >> 18) & SHARE_MAX; }
static inline u64 word_pins(u64 w) { return (w >> 36) & PINS_MAX; }

// ---- Allocation ----

enum {
  ALLOC_ZERO = 1,     // contents all zero (else: any old bytes)
  ALLOC_USER = 2,     // a page a program asked for: stops at the `min` watermark, so
                      // that the kernel itself can go on below it
  ALLOC_RESERVE = 4,  // may use the very last frames: what frees memory must not fail
  ALLOC_AT_HAND = 8,  // only if this hart has one; preemption is off (frame_at_hand)
};

// One frame, or 2^order contiguous ones aligned to their size.
// => counts 0 and the given kind; NULL when there is none.  Never sleeps.
struct frame *frame_alloc(enum frame_kind kind, u32 flags);
struct frame *frames_alloc(u32 order, enum frame_kind kind, u32 flags);

// => counts are 0 and nobody else knows the frame
void frame_free(struct frame *f);
void frame_free_zeroed(struct frame *f);       // its bytes are all zero
void frames_release(struct frame *f, u32 order);

enum { MAX_ORDER = 10 };

struct mem_info {
  u64 total, free;                      // frames; free counts batches and zeroed ones too
  u64 zeroed;
  u64 watermark_min, watermark_low, watermark_high;
  u64 free_blocks[MAX_ORDER + 1];
};
void frame_info(struct mem_info *mi);

struct frame_census {
  u64 held[KINDS];                      // of each kind but FREE and BATCH, now
  u64 taken, freed;                     // frames, since boot
};
void frame_census(struct frame_census *c);
u64 frames_total(void);                  // RAM in frames, without firmware and holes
u64 frames_for_programs(void);           // what the kernel does not have for itself
u64 frames_free(void);                   // in the buddy, as one racy read
bool frame_prepare(void);                // an idle hart's: zero a frame. => false: enough for now
void frame_drain(u32 first, u32 end);    // batches of these harts, stopped or this one, go back
extern u64 frame_first, frame_last;      // numbers of the first frame, and one past the last

// Boot: the table is placed in RAM, then every page not reserved becomes free.
void frame_init(void);

// ---- Counts ----

// Give up `counts` (any sum of SHARE_1, MAPPED_1 and PIN_1); the last one frees.
// It waits while the lock bit is set: whoever holds that may rely on the counts.
void frame_put_slow(struct frame *f, u64 counts);

// => false: nothing has been done, it takes frame_put_slow()
static inline bool
frame_put_some(struct frame *f, u64 counts)
{
  u64 w = atomic_load(&f->word);
  bool plain = !(w & FRAME_LOCK) && (w & COUNTS) != counts;
  return likely(plain) && __atomic_compare_exchange_n(&f->word, &w, w - counts, true,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline void
frame_put(struct frame *f, u64 counts)
{
  if(unlikely(!frame_put_some(f, counts)))
    aside(frame_put_slow, f, counts);
}

// The same where they are often the last.
static inline void
frame_put_last(struct frame *f, u64 counts)
{
  if(!frame_put_some(f, counts))
    frame_put_slow(f, counts);
}

static inline void
frame_get(struct frame *f, u64 counts)
{
  atomic_add(&f->word, counts);
}

// A pin less, which is hardly ever the last that keeps the frame.
static inline void
frame_unpin(struct frame *f)
{
  u64 w = atomic_load(&f->word);
  if(unlikely((w & COUNTS) == PIN_1 || (w & FRAME_LOCK)) ||
     unlikely(!__atomic_compare_exchange_n(&f->word, &w, w - PIN_1, true, __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED)))
    frame_put(f, PIN_1);
}

// The frame is about to be made executable: did its bytes change since the
// instruction caches were last told?  (The mark is cleared: the caller fences.)
bool frame_fetchable(struct frame *f);
void frame_prepare_fetch(struct frame *f);  // the same, and the fence if need be

// BUSY: contents or identity are changing.  Others wait and start again.
bool frame_try_busy(struct frame *f);       // => false if somebody else has it
// Wait until none of the flags (BUSY, WRITING) is set.  The caller has a pin, so
// that the frame is still this page; sleeps.
void frame_wait(struct frame *f, u64 flags);
void frame_wake(void);
extern u64 frame_waiters;

// A flag was cleared: wake who waits.
static inline void
frame_state_changed(void)
{
  atomic_fence();
  if(unlikely(atomic_load(&frame_waiters) > 0))
    aside(frame_wake);
}

static inline void
frame_unbusy(struct frame *f)
{
  atomic_and(&f->word, ~FRAME_BUSY);
  frame_state_changed();
}

// The same for a page of an object that the caller has made BUSY and pinned; the pin goes too.
static inline void
frame_ready(struct frame *f)
{
  atomic_add_full(&f->word, -FRAME_BUSY - PIN_1);
  frame_state_changed();
}

extern struct frame *zero_frame;

// ---- For those who look on (rmap.c) ----

struct mapping {
  u32 pid;           // of the process whose space it is
  u64 page;          // virtual address / PAGE_SIZE
};

// => how many mappings f has at the moment; up to n of them are in v
u32 frame_mappings(struct frame *f, struct mapping *v, u32 n);
