// SPDX-License-Identifier: MIT
//
// mremap moves a page while it is on its way out or in: mm/remap.c against mm/evict.c,
// mm/slot.c and the swap-in of mm/fault.c.
//
// One space with two harts and one private page, at one of two addresses.  Frame and slot
// both say at which; who looks for the page's entry trusts them.
//
// Checked: the entry that is looked for is where frame and slot say; a load finds what
// was stored last; a frame that is free is in no TLB; no page is anywhere twice.
//
// Faults to plant:
//   MOVE_BUSY        an entry is moved though the page is BUSY: the reaper looks for it
//   FORGET_SLOT      the frame learns of the new address, its slot does not
//   FORGET_FRAME     the slot does, but not the frame that is just being filled from it
//   EARLY_UNBUSY     the page can be taken before the harts have forgotten the old address

#define NONE    0
#define PRESENT 1
#define SWAPPED 2

typedef Entry { byte state; bit d, locked; };
Entry pte[2];                 // by address
typedef Tlb { bit v, va, d; };
Tlb tlb[2];                   // by hart

// The frame, and the slot.
bit used, busy, writing, dirty, val, index, mapped;
byte pins;
bit slot_val, slot_index;

bit want, at;                 // what was stored last; where the page is
byte faults;                  // those who read space.lock,
bit moving;                   // and who writes it

#define acquire(l) atomic { !(l) -> l = 1 }
#define release(l) l = 0
#define forget(t) t.v = 0; t.va = 0; t.d = 0

inline fence(a)
{
  d_step {
    if
    :: tlb[0].v && tlb[0].va == a -> forget(tlb[0])
    :: else
    fi;
    if
    :: tlb[1].v && tlb[1].va == a -> forget(tlb[1])
    :: else
    fi
  }
}

// ---- Programs ----

proctype Hart(bit h)
{
  bit fill, d;
user:
  do
  :: atomic { tlb[h].v -> assert(used && val == want) }
  :: atomic { tlb[h].v && tlb[h].d -> val = !val; want = val }
  :: atomic { !tlb[h].v && pte[at].state == PRESENT ->
       tlb[h].v = 1; tlb[h].va = at; tlb[h].d = pte[at].d }
  :: atomic { tlb[h].v && !tlb[h].d && pte[tlb[h].va].state == PRESENT ->
       pte[tlb[h].va].d = 1; tlb[h].d = 1 }
  :: atomic { tlb[h].v -> forget(tlb[h]) }
  :: atomic { !moving && pte[at].state == SWAPPED -> faults++ } goto fault
  :: atomic { h == 0 && !moving && !faults -> moving = 1 } goto move
  od;

fault:                                  // space.lock is held until the read begins
  atomic {
    if
    :: pte[at].state == SWAPPED && used && !busy && !pte[at].locked ->
      assert(index == at && !mapped);
      mapped = 1; pte[at].state = PRESENT; pte[at].d = 0
    :: pte[at].state == SWAPPED && !used && !pte[at].locked ->
      assert(slot_index == at);
      used = 1; busy = 1; pins = 1; index = slot_index; fill = 1
    :: else
    fi;
    faults--
  }
  if
  :: fill ->
    val = slot_val;
    busy = 0;
    d_step { pins--; fill = 0 }
  :: else
  fi;
  goto user;

move:
  acquire(pte[at].locked);
  if
  :: atomic {
#ifdef MOVE_BUSY
       pte[at].state == PRESENT -> busy = 1
#else
       pte[at].state == PRESENT && !busy -> busy = 1
#endif
     }
     d_step {
       d = pte[at].d;
       pte[at].state = NONE; pte[at].d = 0;
       index = !at;
#ifndef FORGET_SLOT
       slot_index = !at;
#endif
       pte[at].locked = 0
     }
     acquire(pte[!at].locked);
     d_step { at = !at; pte[at].state = PRESENT; pte[at].d = d; d = 0; pte[at].locked = 0 }
#ifdef EARLY_UNBUSY
     busy = 0;
     fence(!at)
#else
     fence(!at);
     busy = 0
#endif
  :: pte[at].state == SWAPPED ->
     d_step {                           // slot_rename
       pte[at].state = NONE;
       slot_index = !at;
#ifndef FORGET_FRAME
       if
       :: used -> index = !at
       :: else
       fi;
#endif
       pte[at].locked = 0
     }
     acquire(pte[!at].locked);
     d_step { at = !at; pte[at].state = SWAPPED; pte[at].locked = 0 }
  :: else -> release(pte[at].locked)
  fi;
  moving = 0;
  goto user
}

// ---- The reaper ----

proctype Reaper()
{
  bit d, found, va;
end:
  do
  :: atomic { used && !busy && !writing && !pins -> busy = 1; pins = 1 }
     d_step {                           // of a slot with older bytes it gets a new one
       va = index;
       if
       :: dirty -> slot_index = index
       :: else
       fi
     }
     acquire(pte[va].locked);
     d_step {
       found = pte[va].state == PRESENT;
       assert(found == mapped);
       d = found && pte[va].d;
       if
       :: found -> pte[va].state = SWAPPED; pte[va].d = 0
       :: else
       fi;
       pte[va].locked = 0
     }
     if
     :: found -> fence(va); d_step { dirty = dirty || d; mapped = 0 }
     :: else
     fi;
     if
     :: dirty ->
       d_step { writing = 1; dirty = 0; busy = 0 }
       slot_val = val;
       writing = 0;
       if
       :: atomic { !busy && !mapped && !dirty -> busy = 1 }
       :: else -> pins--; goto next
       fi
     :: else
     fi;
     d_step {                           // given up: the slot has the page
       assert(!mapped && !dirty && !tlb[0].v && !tlb[1].v && slot_val == val);
       assert(index == slot_index && slot_index == at || moving);
       used = 0; busy = 0; pins = 0; val = 0; index = 0
     }
next:
     atomic { found = 0; d = 0; va = 0 }
  od
}

init {
  atomic {
    used = 1; mapped = 1; dirty = 1;
    pte[0].state = PRESENT; pte[0].d = 1;
    run Hart(0); run Hart(1); run Reaper()
  }
}
