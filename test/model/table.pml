// SPDX-License-Identifier: MIT
//
// A leaf table that is freed while the reverse map walks to it: arch/riscv/pmap.c.
//
// A space has an upper entry that names a leaf table, which is one of two frames; its
// owner unmaps, removes and makes tables anew, and takes whatever frame is free.  The
// reaper walks to the entry of a page in it and takes the page away.  A hart's TLB may
// hold the upper entry as well as the page's.
//
// Checked: nobody looks into, or locks and changes, a table that has gone or has become
// another's; a table that is free is in no TLB; nothing that the reaper took away is
// still named.
//
// Faults to plant:
//   EARLY_RELEASE   the walk lets go of the upper tables before it has the leaf's lock
//   FREE_UNLOCKED   a table is removed without its own lock
//   FREE_UNFENCED   ... and freed before the harts have fenced

#define NO_TABLE 2            // frames 0 and 1 can be tables

byte upper = NO_TABLE;        // the upper entry
bit upper_lock;
bit used[2], locked[2];
bit entry[2];                 // the table names the page
bit mine[2];                  // it is this space's table; else anybody's
byte walked = NO_TABLE;       // the hart's TLB: the leaf table that it goes through
bit cached;                   // ... and the page
byte page_names;              // entries that name the page

#define acquire(l) atomic { !(l) -> l = 1 }
#define release(l) l = 0

// The hart: fills its TLB from what it finds, and forgets at any time.
proctype Hart()
{
end:
  do
  :: atomic { upper != NO_TABLE -> walked = upper }
  :: atomic { walked != NO_TABLE && used[walked] && mine[walked] && entry[walked] -> cached = 1 }
  :: atomic { walked != NO_TABLE -> assert(used[walked] && mine[walked]) }
  :: atomic { walked = NO_TABLE; cached = 0 }
  od
}

proctype Owner()
{
  byte t;
  do
  :: atomic {                           // make a table: its frame may have been another's
       upper == NO_TABLE && (!used[0] || !used[1]) ->
       if
       :: !used[0] -> t = 0
       :: !used[1] -> t = 1
       fi;
       used[t] = 1; mine[t] = 1
     }
     acquire(upper_lock);
     upper = t;
     release(upper_lock)
  :: upper != NO_TABLE && !entry[upper] ->       // map the page
     acquire(locked[upper]);
     d_step { entry[upper] = 1; assert(page_names == 0); page_names++ }
     release(locked[upper])
  :: upper != NO_TABLE ->               // unmap all, then the table goes
     t = upper;
     acquire(upper_lock);
#ifndef FREE_UNLOCKED
     acquire(locked[t]);
#endif
     upper = NO_TABLE;
     if
     :: entry[t] -> d_step { entry[t] = 0; page_names-- }
     :: else
     fi;
#ifndef FREE_UNLOCKED
     release(locked[t]);
#endif
     release(upper_lock);
#ifdef FREE_UNFENCED
     d_step { used[t] = 0; mine[t] = 0 }
     d_step { walked = NO_TABLE; cached = 0 }
#else
     d_step { walked = NO_TABLE; cached = 0 }
     d_step { assert(walked != t); used[t] = 0; mine[t] = 0 }
#endif
  od
}

// Somebody else may want the frame of a table that was freed.
proctype Other()
{
end:
  do
  :: atomic { !used[0] -> used[0] = 1; entry[0] = 0 }
     atomic { !locked[0] -> used[0] = 0 }
  od
}

// pmap_reach gives the page's entry with its table locked.
proctype Reaper()
{
  byte t;
end:
  do
  :: true ->
     acquire(upper_lock);
     t = upper;
     if
     :: t != NO_TABLE ->
#ifdef EARLY_RELEASE
       release(upper_lock);
#endif
       acquire(locked[t]);
#ifndef EARLY_RELEASE
       release(upper_lock);
#endif
       assert(used[t] && mine[t]);
       if
       :: entry[t] ->
         d_step { entry[t] = 0; page_names-- }
         release(locked[t]);
         cached = 0                     // the fence
       :: else -> release(locked[t])
       fi
     :: else -> release(upper_lock)
     fi;
     t = 0
  od
}

init {
  atomic { run Hart(); run Owner(); run Other(); run Reaper() }
}
