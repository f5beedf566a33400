// SPDX-License-Identifier: MIT
//
// Page tables in common: arch/riscv/share.c.  A fork gives the child the parent's leaf
// table instead of a copy, frozen for both; the first of them that needs it copies it,
// and the last takes it back.  Meanwhile the reaper takes away the page that it names.
//
// Two spaces, the second a fork of the first, and with THREADS one more hart in the first;
// two tables, two frames.  What happens under the locks of the tables is one step here:
// table.pml has those.  Where the bytes are of a page that was taken away, and D, are
// page.pml's business.
//
// Checked: what a load finds is what its own space stored last (nobody sees what the
// other stored after the fork); a page that goes, or is free, is in no TLB; in the end
// the counts are those of the entries.
//
// Faults to plant:
//   NO_FORK_FENCE      the parent's harts are not fenced when its table is frozen
//   EVICT_IN_FORK      the reaper does not mind that a fork is under way
//   COPY_KEEPS_W       who copies a table leaves W in its entries
//   TAKE_BACK_SHARED   who thaws takes the table back though the other has it still

#ifdef THREADS
#define HARTS 3
#else
#define HARTS 2
#endif

#define NONE    0
#define PRESENT 1
#define SWAPPED 2
#define VALID   1
#define FROZEN  2

typedef Frame { bit val, away; byte share, mapped; };
Frame frame[2];               // free without share and mapped
typedef Table { bit used, others, f, w; byte state; };
Table table[2];               // the one entry that matters; `others`: who hold it too
typedef Upper { byte state; bit t; };
Upper upper[2];
typedef Tlb { bit v, f, w; };
Tlb tlb[HARTS];

bit want[2];                  // what each space stored last
bit live[2];                  // the space runs
byte faults[2];               // those who read space.lock,
bit changing[2];              // and who writes it
bit evicting, forking;        // lineage.lock and the page BUSY; lineage.forks

#ifdef THREADS
#define third(x) (tlb[2].v && tlb[2].f == x)
#else
#define third(x) false
#endif
#define in_tlb(x) ((tlb[0].v && tlb[0].f == x) || (tlb[1].v && tlb[1].f == x) || third(x))
#ifdef EVICT_IN_FORK
#define may_evict true
#else
#define may_evict !forking
#endif
#define is_free(x) (frame[x].share == 0 && frame[x].mapped == 0)
#define forget(t) t.v = 0; t.f = 0; t.w = 0

inline fence(s)
{
  d_step {
    forget(tlb[s]);
#ifdef THREADS
    if
    :: s == 0 -> forget(tlb[2])
    :: else
    fi
#endif
  }
}

// Names and mappings less; the last frees.
inline put(x, s, m)
{
  d_step {
    assert(frame[x].share >= s && frame[x].mapped >= m);
    frame[x].share = frame[x].share - s;
    frame[x].mapped = frame[x].mapped - m;
    if
    :: is_free(x) -> assert(!in_tlb(x)); frame[x].val = 0; frame[x].away = 0
    :: else
    fi
  }
}

// ---- A space's way through the kernel ----

// The table of s becomes its own. => t; false if there is no table to copy it to
inline thaw(s)
{
  d_step {
    t = upper[s].t;
    if
#ifdef TAKE_BACK_SHARED
    :: upper[s].state == FROZEN -> upper[s].state = VALID; table[t].others = 0
#else
    :: upper[s].state == FROZEN && !table[t].others -> upper[s].state = VALID
#endif
    :: upper[s].state == FROZEN && table[t].others && !table[1 - t].used ->
      frame[table[t].f].share++;
      frame[table[t].f].mapped = frame[table[t].f].mapped + (table[t].state == PRESENT);
#ifndef COPY_KEEPS_W
      table[t].w = 0;
#endif
      table[t].others = 0;
      table[1 - t].used = 1; table[1 - t].state = table[t].state;
      table[1 - t].f = table[t].f; table[1 - t].w = table[t].w;
      t = 1 - t;
      upper[s].t = t;
      upper[s].state = VALID
    :: else
    fi
  }
}

// What s finds in its table that does not do.
inline resolve(s)
{
  atomic {
    f = table[t].f;
    if
    :: upper[s].state == VALID && table[t].state == SWAPPED && !evicting ->
      frame[f].away = 0;
      frame[f].mapped++;
      table[t].state = PRESENT;
      table[t].w = frame[f].share == 1
    :: upper[s].state == VALID && table[t].state == PRESENT && !table[t].w && frame[f].share == 1 ->
      table[t].w = 1
    :: upper[s].state == VALID && table[t].state == PRESENT && !table[t].w && frame[f].share > 1 &&
       is_free(1 - f) ->
      assert(frame[f].val == want[s]);
      frame[1 - f].share = 1; frame[1 - f].mapped = 1; frame[1 - f].val = frame[f].val;
      table[t].f = 1 - f; table[t].w = 1;
      copied = 1
    :: else
    fi
  }
  if
  :: copied -> fence(s); put(f, 1, 1)
  :: else
  fi
}

proctype Hart(byte h; byte s)
{
  bit t, f, copied;
user:
  do
  :: atomic { live[s] && tlb[h].v -> assert(frame[tlb[h].f].val == want[s] && !frame[tlb[h].f].away) }
  :: atomic {
       live[s] && tlb[h].v && tlb[h].w ->
       frame[tlb[h].f].val = !frame[tlb[h].f].val;
       want[s] = frame[tlb[h].f].val
     }
  :: atomic {
       live[s] && !tlb[h].v && upper[s].state == VALID && table[upper[s].t].state == PRESENT ->
       tlb[h].v = 1; tlb[h].f = table[upper[s].t].f; tlb[h].w = table[upper[s].t].w
     }
  :: atomic { tlb[h].v -> forget(tlb[h]) }
  :: atomic { live[s] && !changing[s] -> faults[s]++ }
     thaw(s);
     resolve(s);
     d_step { t = 0; f = 0; copied = 0; faults[s]-- }
  :: atomic { h < 2 && live[s] && !faults[s] && !changing[s] -> changing[s] = 1; live[s] = 0 }
     goto leave
  :: atomic { h == 0 && live[0] && !faults[0] && !upper[1].state && !changing[1] && !evicting ->
       changing[0] = 1; forking = 1 }
     goto fork
  :: atomic {                           // all of it has gone: begin anew
       h == 0 && !live[0] && !live[1] && !upper[0].state && !upper[1].state &&
       !changing[0] && !changing[1] && !evicting ->
       d_step {
         assert(is_free(0) && is_free(1) && !table[0].used && !table[1].used);
         table[0].used = 1; table[0].state = PRESENT; table[0].f = 0; table[0].w = 1;
         frame[0].share = 1; frame[0].mapped = 1;
         upper[0].state = VALID; upper[0].t = 0;
         want[0] = 0; live[0] = 1
       }
     }
  od;

fork:
  atomic { table[upper[0].t].others = 1; upper[0].state = FROZEN }
  d_step { upper[1].t = upper[0].t; upper[1].state = FROZEN }
#ifndef NO_FORK_FENCE
  fence(0);
#endif
  d_step { want[1] = want[0]; live[1] = 1; changing[0] = 0; forking = 0 }
  goto user;

leave:                                  // with others the table stays theirs
  atomic {
    t = upper[s].t;
    f = table[t].f;
    copied = !table[t].others;          // it is ours alone
    table[t].others = 0;
    upper[s].state = NONE
  }
  if
  :: copied -> fence(s); put(f, 1, (table[t].state == PRESENT));
    d_step { table[t].used = 0; table[t].state = NONE; table[t].f = 0; table[t].w = 0 }
  :: else
  fi;
  d_step { want[s] = 0; changing[s] = 0; t = 0; f = 0; copied = 0 }
  goto user
}

// ---- The reaper ----

inline take_away(s)
{
  d_step {
    t = upper[s].t;
    taken = upper[s].state != NONE && table[t].state == PRESENT && table[t].f == f;
    if
    :: taken -> table[t].state = SWAPPED; table[t].w = 0
    :: else
    fi
  }
  if
  :: taken -> fence(s); put(f, 0, 1)
  :: else
  fi
}

proctype Reaper()
{
  bit t, f, taken;
end:
  do
  :: atomic {
       !evicting && may_evict && (frame[0].share || frame[1].share) ->
       if
       :: frame[0].share -> f = 0
       :: frame[1].share -> f = 1
       fi;
       evicting = 1
     }
     if                                 // the space that mapped it last comes first
     :: take_away(0); take_away(1)
     :: take_away(1); take_away(0)
     fi;
     d_step {                           // nobody maps it: its bytes leave the frame
       if
       :: frame[f].share && !frame[f].mapped -> assert(!in_tlb(f)); frame[f].away = 1
       :: else
       fi;
       t = 0; f = 0; taken = 0; evicting = 0
     }
  od
}

init {
  atomic {
    run Hart(0, 0);
    run Hart(1, 1);
#ifdef THREADS
    run Hart(2, 0);
#endif
    run Reaper()
  }
}
