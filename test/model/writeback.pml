// SPDX-License-Identifier: MIT
//
// A page of a file or of shared memory is written while programs go on storing to it:
// mm/writeback.c.  Two harts store through entries of two spaces; every so often the
// page is cleaned: D is taken from the entries, the harts fenced, the page written.
//
// Checked: a page that nothing calls dirty (not its word, nor an entry's D) equals its
// store; in particular when it is dropped.
//
// Faults to plant:
//   WRITE_BEFORE_FENCE   the bytes are read for the write before the harts have fenced
//   CLEAN_AFTER_WRITE    DIRTY is cleared when the write is done, not before it begins
//   FOLD_FIRST_ONLY      the D of the first entry only is looked at
//   DROP_MAPPED          a clean page is dropped though an entry names it

bit page, store;              // bytes: in memory, on disk
bit dirty, writing, present = 1;
bit stored;                   // what was stored last

typedef Entry { bit v, d; };
Entry pte[2];
typedef Tlb { bit v, d; };
Tlb tlb[2];

#define mapped (pte[0].v || pte[1].v)
#define known_dirty (dirty || pte[0].d || pte[1].d)

proctype Hart(byte h)
{
end:
  do
  :: atomic { tlb[h].v -> assert(present && page == stored) }
  :: atomic { tlb[h].v && tlb[h].d -> assert(present); page = !page; stored = page }
  :: atomic { pte[h].v && !tlb[h].v -> tlb[h].v = 1; tlb[h].d = pte[h].d } // ... for a load
  :: atomic { pte[h].v -> pte[h].d = 1; tlb[h].v = 1; tlb[h].d = 1 }     // a walk for a store
  :: atomic { tlb[h].v -> tlb[h].v = 0; tlb[h].d = 0 }
  :: atomic { present && !pte[h].v -> pte[h].v = 1; pte[h].d = 0 }       // a fault
  :: atomic { !present -> present = 1; page = store; assert(page == stored) }
  od
}

inline clean_entry(h)
{
  atomic {
    if
#ifdef FOLD_FIRST_ONLY
    :: pte[h].v && h == 0 -> found = found || pte[h].d; pte[h].d = 0
    :: pte[h].v && h == 1 -> pte[h].d = 0
#else
    :: pte[h].v -> found = found || pte[h].d; pte[h].d = 0
#endif
    :: else
    fi
  }
}

inline fence(h) { d_step { tlb[h].v = 0; tlb[h].d = 0 } }

proctype Cleaner()
{
  bit found, copy;
end:
  do
  :: present && !writing ->
    clean_entry(0);
    clean_entry(1);
#ifdef WRITE_BEFORE_FENCE
    copy = page;
#endif
    fence(0);
    fence(1);
    if
    :: dirty || found ->
      dirty = 0;
      writing = 1;
#ifndef WRITE_BEFORE_FENCE
      copy = page;
#endif
      store = copy;
#ifdef CLEAN_AFTER_WRITE
      if
      :: pte[0].d || pte[1].d -> d_step { pte[0].d = 0; pte[1].d = 0 }
      :: else
      fi;
#endif
      writing = 0
    :: else
    fi;
    d_step { found = 0; copy = 0 }
  :: atomic {
#ifdef DROP_MAPPED
      present && !known_dirty && !writing ->
      present = 0; pte[0].v = 0; pte[1].v = 0
#else
      present && !known_dirty && !writing && !mapped -> present = 0; page = 0
#endif
    }
  :: present ->                         // unmapped: fence, fold, then it counts as such
    atomic { found = pte[0].d; pte[0].v = 0; pte[0].d = 0; dirty = dirty || found }
    fence(0);
    atomic { found = pte[1].d; pte[1].v = 0; pte[1].d = 0; dirty = dirty || found }
    fence(1);
    found = 0
  od
}

init { atomic { run Hart(0); run Hart(1); run Cleaner() } }
