// SPDX-License-Identifier: MIT
//
// The life of a private page: mm/evict.c, mm/slot.c, the swap-in of mm/fault.c, and the
// counts of mm/frame.c and mm/gather.c, at the grain of their atomic operations.
//
// Two spaces that share one page (the second is a fork of the first), a hart for each
// and with THREADS one more in the first, two frames, one slot, one reaper; with
// SWAPOFF somebody who empties the slot.  Every hart has a TLB of one entry that may
// hold W and D as long as nobody fences it, and drop them at any time.
//
// Checked: a frame that is free is named by no entry and no TLB (a lost page, a stale
// translation); what a load finds is what the space stored last (lost dirtiness); a
// frame that goes clean equals its slot; in the end no frame and no slot is missing.
//
// Faults to plant:
//   COUNT_BEFORE_FENCE    `mapped` goes down before the harts have fenced
//   LOSE_D                the D of an entry that is taken away is not looked at
//   FORK_KEEPS_D          fork leaves it to the parent's entry, which a copy replaces
//   INSTALL_BUSY          an entry is made to a frame that is BUSY
//   FREE_MAPPED           after the write nobody asks if the page was mapped again
//   FREE_DIRTY            ... or if the write failed
//   SLOT_UNFENCED         unmapping an entry that names a slot does not fence: the reaper,
//                         who made it so, may not have done it yet (with THREADS)
//   PUT_UNLOCKED          an entry's share of a slot is given up without the slot's lock
//   OPEN_DEAD             swapoff opens a slot whose frame no count keeps any more
//   OPEN_MAPPED           ... or counts it as mapped though no entry will be made

#ifdef THREADS
#define HARTS 3
#else
#define HARTS 2
#endif
#define SPACE_OF(h) ((h) == 1 -> 1 : 0)
#define FRAMES 2

#define NONE    0
#define PRESENT 1
#define SWAPPED 2

typedef Frame {
  bit used;                   // not in the allocator's hands
  byte share, mapped, pins;
  bit busy, writing, dirty;
  bit slot;                   // has the slot
  bit val;                    // its bytes
};
Frame frame[FRAMES];

typedef Slot {
  bit used, val;
  byte share;
  byte pfn;                   // 0: no frame; else its number + 1
};
Slot slot;

typedef Entry { byte state; bit f, w, d; };
Entry pte[2];
bit leaf[2];                  // the locks of the two leaf tables
bit coming[3];                // the table is locked, and the entry about to become present

typedef Tlb { bit v, f, w, d; };
Tlb tlb[HARTS];

bit want[2];                  // what each space stored last
bit live[2];                  // the space runs

#define acquire(l) atomic { !(l) -> l = 1 }
#define release(l) l = 0

// ---- Counts ----

#define COUNTS(x) (frame[x].share + frame[x].mapped + frame[x].pins)

inline give_back()
{
  d_step {
    assert(pte[0].state != SWAPPED || coming[0]);
    assert(pte[1].state != SWAPPED || coming[1]);
    assert(slot.share == 0 && slot.pfn == 0);
    slot.used = 0;
    slot.val = 0
  }
}

inline free(x)
{
  d_step {
    assert(frame[x].used && COUNTS(x) == 0 && !frame[x].slot);
    assert(!frame[x].busy && !frame[x].writing);
    assert(!(pte[0].state == PRESENT && pte[0].f == x) && !(pte[1].state == PRESENT && pte[1].f == x));
    assert(!(tlb[0].v && tlb[0].f == x) && !(tlb[1].v && tlb[1].f == x));
#ifdef THREADS
    assert(!(tlb[2].v && tlb[2].f == x));
#endif
    frame[x].used = 0;
    frame[x].dirty = 0;
    frame[x].val = 0
  }
}

// frame_put: the last one frees, and the slot goes with the frame.
inline put(x, s, m, p)
{
  d_step {
    assert(frame[x].share >= s && frame[x].mapped >= m && frame[x].pins >= p);
    frame[x].share = frame[x].share - s;
    frame[x].mapped = frame[x].mapped - m;
    frame[x].pins = frame[x].pins - p;
    last = COUNTS(x) == 0
  }
  if
  :: last ->
    last = 0;
    if
    :: frame[x].slot ->
      d_step { assert(slot.pfn == x + 1); slot.pfn = 0; frame[x].slot = 0 }
      give_back()
    :: else
    fi;
    free(x)
  :: else
  fi
}

// slot_put, with the table of the entry locked.  What happens under a slot's lock is
// one step here.
inline put_swapped()
{
#ifdef PUT_UNLOCKED
  f = slot.pfn;
  d_step {
#else
  d_step {
    f = slot.pfn;
#endif
    if
    :: f -> frame[f - 1].share--; frame[f - 1].pins++
    :: else -> assert(slot.share); slot.share--; last = slot.share == 0
    fi
  }
  if
  :: f -> f--; put(f, 0, 0, 1)
  :: !f && last -> last = 0; give_back()
  :: else
  fi;
  f = 0
}

// ---- The hardware ----

#define forget(t) d_step { t.v = 0; t.f = 0; t.w = 0; t.d = 0 }

inline fence(s)
{
  forget(tlb[s]);
#ifdef THREADS
  if
  :: s == 0 -> forget(tlb[2])
  :: else
  fi
#endif
}

inline load(h, s)
{
  atomic {
    if
    :: tlb[h].v -> assert(frame[tlb[h].f].used && frame[tlb[h].f].val == want[s])
    :: !tlb[h].v && pte[s].state == PRESENT ->
      d_step { tlb[h].v = 1; tlb[h].f = pte[s].f; tlb[h].w = pte[s].w; tlb[h].d = pte[s].d }
    :: else -> goto fault
    fi
  }
}

// The D of the entry is set by the walk; the store follows if the TLB still has it.
inline store(h, s)
{
  atomic {
    if
    :: tlb[h].v && tlb[h].w && tlb[h].d ->
      d_step {
        assert(frame[tlb[h].f].used);
        frame[tlb[h].f].val = !frame[tlb[h].f].val;
        want[s] = frame[tlb[h].f].val
      }
    :: !(tlb[h].v && tlb[h].w && tlb[h].d) && pte[s].state == PRESENT && pte[s].w ->
      d_step { pte[s].d = 1; tlb[h].v = 1; tlb[h].f = pte[s].f; tlb[h].w = 1; tlb[h].d = 1 }
    :: else -> write = 1; goto fault
    fi
  }
}

// ---- A space's way through the kernel ----

inline alloc()
{
  d_step {
    if
    :: !frame[0].used -> fresh = 1
    :: frame[0].used && !frame[1].used -> fresh = 2
    :: else -> fresh = 0
    fi;
    if
    :: fresh -> frame[fresh - 1].used = 1
    :: else
    fi
  }
}

// The page of the slot, which an entry of the space `who` names; its table is locked.
#define NOBODY 2
inline open_slot(who)
{
  d_step {
    if
#ifdef OPEN_DEAD
    :: slot.pfn ->
#else
    :: slot.pfn && (who != NOBODY || COUNTS(slot.pfn - 1)) ->
#endif
      f = slot.pfn - 1;
#ifdef INSTALL_BUSY
      here = 1;
#else
      here = !frame[f].busy;
#endif
      if
#ifdef OPEN_MAPPED
      :: here -> frame[f].mapped++
#else
      :: here && who != NOBODY -> frame[f].mapped++
#endif
      :: else -> frame[f].pins++
      fi;
      coming[who] = here && who != NOBODY
    :: slot.pfn == 0 && fresh && slot.share ->
      f = fresh - 1;
      fresh = 0;
      fill = 1;
      frame[f].busy = 1; frame[f].pins = 1; frame[f].share = slot.share; frame[f].slot = 1;
      slot.share = 0;
      slot.pfn = f + 1
    :: else -> away = 1
    fi
  }
}

inline drop_fresh()
{
  if
  :: fresh -> d_step { frame[fresh - 1].used = 0; fresh = 0 }
  :: else
  fi
}

inline read_slot()
{
  frame[f].val = slot.val;
  frame[f].busy = 0;
  put(f, 0, 0, 1)
}

proctype Hart(byte h; byte s)
{
  byte f, fresh;
  bit here, fill, away, last, write, d;
user:
  do
  :: live[s] -> load(h, s)
  :: live[s] -> store(h, s)
  :: tlb[h].v -> forget(tlb[h])
  :: h < 2 && live[s] -> goto unmap
#ifndef ALONE
  :: h < 2 && live[s] && !live[1 - s] -> goto fork
#endif
  :: h == 0 && !live[0] && !live[1] -> goto refill
  od;

fault:
  acquire(leaf[s]);
  if
  :: pte[s].state == NONE -> release(leaf[s])
  :: pte[s].state == PRESENT && (!write || pte[s].w) -> forget(tlb[h]); release(leaf[s])
  :: pte[s].state == PRESENT && write && !pte[s].w ->
    f = pte[s].f;
    if
    :: frame[f].share == 1 && frame[f].pins == 0 ->
      d_step { pte[s].w = 1; pte[s].d = 1; leaf[s] = 0 }
    :: else ->                          // a copy, which is not this page any more
      assert(frame[f].val == want[s]);
      if
      :: h < 2 -> pte[s].d = 0; goto unmap_locked
      :: else -> release(leaf[s])
      fi
    fi
  :: pte[s].state == SWAPPED ->
    if
    :: slot.pfn == 0 -> alloc()
    :: else
    fi;
    open_slot(s);
    if
    :: fill -> fill = 0; release(leaf[s]); read_slot()
    :: away -> away = 0; release(leaf[s])
    :: here ->
      here = 0;
      drop_fresh();
      d_step {
        pte[s].state = PRESENT; pte[s].f = f; pte[s].w = frame[f].share == 1; pte[s].d = 0;
        coming[s] = 0;
        leaf[s] = 0
      }
    :: else -> drop_fresh(); release(leaf[s]); !frame[f].busy; put(f, 0, 0, 1)
    fi
  fi;
  d_step { write = 0; f = 0; fresh = 0 }
  goto user;

unmap:
  acquire(leaf[s]);
unmap_locked:
  write = 0;
  if
  :: pte[s].state == NONE -> release(leaf[s])
  :: pte[s].state == SWAPPED ->
    pte[s].state = NONE;
    put_swapped();
    release(leaf[s]);
#ifndef SLOT_UNFENCED
    fence(s)
#endif
  :: pte[s].state == PRESENT ->
    d_step {
      f = pte[s].f; d = pte[s].d;
      pte[s].state = NONE; pte[s].w = 0; pte[s].d = 0; pte[s].f = 0;
      leaf[s] = 0
    }
#ifdef COUNT_BEFORE_FENCE
    put(f, 1, 1, 0);
    fence(s);
#else
    fence(s);
    if
    :: d -> frame[f].dirty = 1
    :: else
    fi;
    put(f, 1, 1, 0)
#endif
  fi;
  d_step { live[s] = 0; want[s] = 0; f = 0; d = 0 }
  goto user;

fork:
  acquire(leaf[s]);
  acquire(leaf[1 - s]);
  if
  :: live[1 - s] || pte[1 - s].state != NONE || pte[s].state == NONE ->
    release(leaf[1 - s]); release(leaf[s]); goto user
  :: else
  fi;
  if
  :: pte[s].state == SWAPPED ->
    d_step {
      if
      :: slot.pfn -> frame[slot.pfn - 1].share++
      :: else -> slot.share++
      fi
    }
    pte[1 - s].state = SWAPPED
  :: else ->
    d_step { frame[pte[s].f].share++; frame[pte[s].f].mapped++ }
    d_step { d = pte[s].d; pte[s].w = 0 }
    if
#ifndef FORK_KEEPS_D
    :: d -> frame[pte[s].f].dirty = 1
#endif
    :: else
    fi;
    d = 0;
    d_step { pte[1 - s].state = PRESENT; pte[1 - s].f = pte[s].f }
  fi;
  release(leaf[1 - s]);
  release(leaf[s]);
  fence(s);
  d_step { want[1 - s] = want[s]; live[1 - s] = 1 }
  goto user;

// All of the page is gone, and nothing of it may be left; then there is a new one.
refill:
  atomic {
    !frame[0].used && !frame[1].used && !slot.used;
    d_step {
      frame[0].used = 1; frame[0].share = 1; frame[0].mapped = 1; frame[0].dirty = 1;
      pte[0].state = PRESENT; pte[0].w = 1; pte[0].d = 1;
      want[0] = 0;
      live[0] = 1
    }
  }
  goto user
}

// ---- The reaper ----

inline take_away(s)
{
  if
  :: frame[f].mapped ->
    acquire(leaf[s]);
    if
    :: pte[s].state == PRESENT && pte[s].f == f ->
      d_step {
        d = pte[s].d;
        pte[s].state = SWAPPED; pte[s].w = 0; pte[s].d = 0; pte[s].f = 0;
        leaf[s] = 0
      }
#ifdef COUNT_BEFORE_FENCE
      put(f, 0, 1, 0);
      fence(s);
#endif
#ifndef COUNT_BEFORE_FENCE
      fence(s);
#endif
#ifndef LOSE_D
      if
      :: d -> frame[f].dirty = 1
      :: else
      fi;
#endif
      d = 0;
#ifndef COUNT_BEFORE_FENCE
      put(f, 0, 1, 0)
#endif
    :: else -> release(leaf[s])
    fi
  :: else
  fi
}

inline let_go() { frame[f].busy = 0; put(f, 0, 0, 1) }

inline give_up()
{
  assert(frame[f].val == slot.val || frame[f].share == 0);
  d_step {
    d = frame[f].share == 0;
    slot.share = slot.share + frame[f].share;
    frame[f].share = 0;
    slot.pfn = 0;
    frame[f].slot = 0
  }
  if
  :: d -> d = 0; give_back()
  :: else
  fi;
  let_go()
}

inline choose(x)
{
  frame[x].used && frame[x].share && !frame[x].pins && !frame[x].busy && !frame[x].writing ->
  f = x; frame[x].busy = 1; frame[x].pins = 1
}

// The slot with older bytes, if no other entry names it.
inline drop_old_slot()
{
  if
  :: frame[f].slot && frame[f].dirty ->
    d_step {
      d = frame[f].share == frame[f].mapped;
      if
      :: d -> slot.pfn = 0; frame[f].slot = 0
      :: else
      fi
    }
    if
    :: d -> d = 0; give_back()
    :: else
    fi
  :: else
  fi
}

proctype Reaper()
{
  bit f, d, last;
end:
  do
  :: atomic { if :: choose(0) :: choose(1) fi }
    drop_old_slot();
    if
    :: !frame[f].slot && slot.used -> let_go()
    :: else ->
      if
      :: !frame[f].slot -> d_step { slot.used = 1; slot.pfn = f + 1; frame[f].slot = 1 }
      :: else
      fi;
      take_away(0);
      take_away(1);
      if
      :: frame[f].mapped -> let_go()
      :: !frame[f].mapped && !frame[f].dirty -> give_up()
      :: else ->
        frame[f].writing = 1;
        d_step { frame[f].dirty = 0; frame[f].busy = 0 }
        if
        :: slot.val = frame[f].val
        :: frame[f].dirty = 1           // it failed
        fi;
        frame[f].writing = 0;
        if
        :: atomic {
#ifdef FREE_MAPPED
             !frame[f].busy && !frame[f].dirty ->
#else
#ifdef FREE_DIRTY
             !frame[f].busy && !frame[f].mapped ->
#else
             !frame[f].busy && !frame[f].dirty && !frame[f].mapped ->
#endif
#endif
             frame[f].busy = 1
           }
           give_up()
        :: else -> put(f, 0, 0, 1)
        fi
      fi
    fi;
    d_step { f = 0; d = 0 }
  od
}

#ifdef SWAPOFF
// Gives the names of the slot back to the frame, from time to time.
inline bring_back(s)
{
  acquire(leaf[s]);
  if
  :: pte[s].state == SWAPPED ->
    d_step { frame[f].mapped++; pte[s].state = PRESENT; pte[s].f = f; pte[s].w = 0; pte[s].d = 0 }
  :: else
  fi;
  release(leaf[s])
}

proctype Swapoff()
{
  byte f, fresh;
  bit here, fill, away, last, d;
end:
  do
  :: slot.used ->
    if
    :: slot.pfn == 0 -> alloc()
    :: else
    fi;
    open_slot(NOBODY);
    if
    :: fill -> fill = 0; read_slot()
    :: away -> away = 0; drop_fresh()
    :: else ->
#ifdef OPEN_MAPPED
      if
      :: here -> d_step { frame[f].mapped--; frame[f].pins++ }
      :: else
      fi;
#endif
      here = 0;
      drop_fresh();
      if
      :: atomic { !frame[f].busy -> frame[f].busy = 1 }
        if
        :: !frame[f].writing && frame[f].slot && frame[f].share ->
          bring_back(0);
          bring_back(1);
          d_step {
            d = frame[f].slot && frame[f].share == frame[f].mapped;
            if
            :: d -> frame[f].dirty = 1; slot.pfn = 0; frame[f].slot = 0
            :: else
            fi
          }
          if
          :: d -> d = 0; give_back()
          :: else
          fi
        :: else
        fi;
        frame[f].busy = 0
      :: else
      fi;
      put(f, 0, 0, 1)
    fi;
    d_step { f = 0; fresh = 0 }
  od
}
#endif

init {
  atomic {
    run Hart(0, 0);
#ifndef ALONE
    run Hart(1, 1);
#endif
#ifdef THREADS
    run Hart(2, 0);
#endif
    run Reaper();
#ifdef SWAPOFF
    run Swapoff();
#endif
  }
}
