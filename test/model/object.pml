// SPDX-License-Identifier: MIT
//
// A page of an object without a file (shared memory, tmpfs) comes and goes: mm/object.c,
// mm/evict.c and mm/writeback.c.  The object's tree holds it, entries of page tables are
// but a cache; who reads or writes it as a file has it pinned meanwhile.
//
// Two spaces, a writer, the reaper, and with TRUNCATE somebody who cuts the object off
// and makes it long again.
//
// Checked: a load or a read finds what was stored or written last; a frame that is free
// is in no entry, no TLB and no tree; what was cut off has no page.
//
// Faults to plant:
//   LOOK_FIRST       a fault looks if the page is BUSY before it counts itself
//   LOSE_D           the D of an entry that is taken away is not looked at
//   IGNORE_PINS      a page goes though somebody has pinned it, who will write to it
//   DROP_MAPPED      ... or though it has been mapped again during the write
//   FREE_FIRST       the frame is free before the tree says that the slot has the page
//   CUT_MAPPED       truncation takes a page out of the tree, and not out of page tables
//   CUT_FIRST        ... or tells of the new size only after that

#define NOTHING 0
#define MEMORY  1
#define AWAY    2

byte tree = NOTHING;          // the object's: frame, slot
bit size = 1;                 // the page is not past the end
bit inode_lock;               // who writes or truncates
byte share, mapped, pins;
bit busy, writing, dirty, val, used, slot_val;

typedef Entry { bit v, d; };
Entry pte[2];
typedef Tlb { bit v, d; };
Tlb tlb[2];
bit want;                     // what was stored last

bit leaf[2];                  // the locks of the leaf tables

#define acquire(l) atomic { !(l) -> l = 1 }
#define release(l) l = 0
#define forget(t) t.v = 0; t.d = 0

inline put(s, m, p)
{
  d_step {
    assert(used && share >= s && mapped >= m && pins >= p);
    share = share - s;
    mapped = mapped - m;
    pins = pins - p;
    if
    :: share + mapped + pins == 0 ->
      assert(!busy && !writing && tree != MEMORY);
      assert(!pte[0].v && !pte[1].v && !tlb[0].v && !tlb[1].v);
      used = 0; dirty = 0; val = 0
    :: else
    fi
  }
}

// The page in the tree, BUSY, to be filled. => fill
inline bring()
{
  atomic {
    if
    :: tree == NOTHING && size && !used ->
      used = 1; busy = 1; pins = 1; share = 1; tree = MEMORY; fill = 1; blank = 1
    :: tree == AWAY && size && !used ->
      used = 1; busy = 1; pins = 1; share = 1; tree = MEMORY; fill = 1
    :: else
    fi
  }
  if
  :: fill ->
    if
    :: blank -> d_step { val = 0; dirty = 1 }
    :: else -> val = slot_val
    fi;
    busy = 0;
    put(0, 0, 1);
    fill = 0; blank = 0
  :: else
  fi
}

// ---- Programs that map it ----

proctype Hart(bit h)
{
  bit fill, blank, holds;
end:
  do
  :: atomic { tlb[h].v -> assert(used && val == want) }
  :: atomic { tlb[h].v && tlb[h].d -> val = !val; want = val }
  :: atomic { pte[h].v && !tlb[h].v -> tlb[h].v = 1; tlb[h].d = pte[h].d }
  :: atomic { pte[h].v -> pte[h].d = 1; tlb[h].v = 1; tlb[h].d = 1 }
  :: atomic { tlb[h].v -> forget(tlb[h]) }
  :: !pte[h].v && tree != MEMORY -> bring()
  :: !pte[h].v && tree == MEMORY ->
     acquire(leaf[h]);
     if
     :: atomic { size && tree == MEMORY ->
#ifdef LOOK_FIRST
          holds = !busy && share
        }
        if
        :: atomic { used -> mapped++ }
        :: !used -> goto unlock
        fi;
#else
          mapped++
        }
        holds = !busy && share;
#endif
        if
        :: holds -> d_step { pte[h].v = 1; pte[h].d = 0 }
        :: else -> put(0, 1, 0)
        fi
     :: else
     fi;
unlock:
     atomic { leaf[h] = 0; holds = 0 }
  od
}

// ---- Who writes to it with write() ----

proctype Writer()
{
  bit fill, blank;
end:
  do
  :: tree != MEMORY -> bring()
  :: atomic { tree == MEMORY && !inode_lock -> inode_lock = 1; pins++ }
     if
     :: !busy && share ->
       assert(val == want);
       atomic { val = !val; want = val }
       dirty = 1
     :: else
     fi;
     put(0, 0, 1);
     inode_lock = 0
  od
}

// ---- The reaper ----

inline take_entry(h)
{
  acquire(leaf[h]);
  d_step { leaf[h] = 0; d = pte[h].v && pte[h].d; found = pte[h].v; pte[h].v = 0; pte[h].d = 0 }
  if
  :: found ->
    d_step { forget(tlb[h]) }
#ifndef LOSE_D
    if
    :: d -> dirty = 1
    :: else
    fi;
#endif
    put(0, 1, 0)
  :: else
  fi;
  d_step { d = 0; found = 0 }
}

// Nobody is looked for whom the count does not tell of.
inline take_entries()
{
  if
  :: mapped -> take_entry(0); take_entry(1)
  :: else
  fi
}

#ifdef IGNORE_PINS
#define pinned false
#else
#define pinned (pins > 1)
#endif

// BUSY, unmapped and clean.
inline give_up()
{
  if
  :: share ->
    assert(val == slot_val && val == want);
#ifdef FREE_FIRST
    busy = 0;
    put(1, 0, 1);
    tree = AWAY
#else
    d_step { tree = AWAY; share-- }
    busy = 0;
    put(0, 0, 1)
#endif
  :: else -> busy = 0; put(0, 0, 1)
  fi
}

proctype Reaper()
{
  bit d, found;
end:
  do
  :: atomic { used && share && pins == 0 && !busy && !writing -> busy = 1; pins++ }
     take_entries();
     if
     :: mapped || pinned -> busy = 0; put(0, 0, 1)
     :: !(mapped || pinned) && !dirty -> give_up()
     :: !(mapped || pinned) && dirty ->
       d_step { writing = 1; dirty = 0; busy = 0 }
       slot_val = val;
       writing = 0;
       if
       :: atomic {
#ifdef DROP_MAPPED
            !pinned && !busy && !dirty ->
#else
            !mapped && !pinned && !busy && !dirty ->
#endif
            busy = 1
          }
          give_up()
       :: else -> put(0, 0, 1)
       fi
     fi
  od
}

#ifdef TRUNCATE
proctype Truncate()
{
  bit d, found;
end:
  do
  :: atomic { !inode_lock -> inode_lock = 1 }
#ifndef CUT_FIRST
    size = 0;
#endif
    do
    :: tree == NOTHING -> break
    :: atomic { tree == AWAY -> tree = NOTHING; want = 0; slot_val = 0 }
    :: atomic { tree == MEMORY && !busy -> busy = 1; pins++ }
#ifndef CUT_MAPPED
       take_entries();
#endif
       !writing;
       d_step { tree = NOTHING; share--; want = 0 }
       busy = 0;
       put(0, 0, 1)
    od;
    size = 0;
    assert(tree == NOTHING);
    size = 1;
    inode_lock = 0
  od
}
#endif

init {
  atomic {
    run Hart(0); run Hart(1); run Writer(); run Reaper();
#ifdef TRUNCATE
    run Truncate()
#endif
  }
}
