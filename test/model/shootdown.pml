// SPDX-License-Identifier: MIT
//
// Which harts a change of a space's tables has to reach: arch/riscv/tlb.c.
//
// A hart that runs the space is in `active` and is fenced at once.  One that ran it
// earlier may still have entries under the space's number: it is marked `stale`, and
// flushes when it comes back.  Two harts come and go, a third changes an entry twice.
// A store without a fence behind it is seen by the others late.
//
// Checked: when the shooter has done its work, no hart that is in the space uses what
// the entry said before.
//
// Faults to plant:
//   LATE_JOIN         the switcher looks at its mark before it joins `active`
//   NO_SWITCH_FENCE   ... or joins without a fence behind
//   NO_SHOOT_FENCE    the shooter looks who is active without a fence behind its change
//   LOOK_ONCE         ... and not again when it has marked who was not: they may have
//                     come meanwhile, before they were marked
//   FORGET_FIRST      ... or only again, and forgets who was there the first time
//   FORGET_SLEEPERS   ... or does not mark anybody

#define HARTS 2
#define CHANGES 2

byte entry = 1;               // what the table says: it changes to 2, 3
byte shown = 1;               // the least that a hart in the space may see now
bit in_active[HARTS], ran[HARTS], stale[HARTS];
bit running[HARTS];           // satp is loaded
byte cached[HARTS];           // what the hart's TLB has; 0: nothing

// Store buffers, for what is written without a fence.
bit join_late[HARTS];
bit entry_late;

proctype Buffers()
{
end:
  do
  :: atomic { join_late[0] -> join_late[0] = 0; in_active[0] = 1 }
  :: atomic { join_late[1] -> join_late[1] = 0; in_active[1] = 1 }
  :: atomic { entry_late -> entry_late = 0; entry++ }
  od
}

inline take_mark(h)
{
  if
  :: stale[h] ->
    stale[h] = 0;
    cached[h] = 0
  :: else
  fi
}

proctype Switcher(byte h)
{
end:
  do
  :: !running[h] ->                     // pmap_switch to the space
#ifdef LATE_JOIN
    take_mark(h);
#endif
#ifdef NO_SWITCH_FENCE
    join_late[h] = 1;
#else
    in_active[h] = 1;
#endif
    ran[h] = 1;
#ifndef LATE_JOIN
    take_mark(h);
#endif
    running[h] = 1
  :: atomic { running[h] && !cached[h] -> cached[h] = entry }
  :: atomic { running[h] && cached[h] -> assert(cached[h] >= shown) }
  :: running[h] ->                      // and away
    running[h] = 0;
    atomic { join_late[h] = 0; in_active[h] = 0 }
  od
}

proctype Shooter()
{
  byte n;
  bit there[HARTS], slept[HARTS];
  do
  :: n < CHANGES ->
#ifdef NO_SHOOT_FENCE
    entry_late = 1;
#else
    entry++;
#endif
    d_step { there[0] = in_active[0]; there[1] = in_active[1] }
    d_step { slept[0] = ran[0] && !there[0]; slept[1] = ran[1] && !there[1] }
#ifndef FORGET_SLEEPERS
    if
    :: (slept[0] && !stale[0]) || (slept[1] && !stale[1]) ->
      d_step { stale[0] = stale[0] || slept[0]; stale[1] = stale[1] || slept[1] }
#ifdef FORGET_FIRST
      d_step { there[0] = in_active[0]; there[1] = in_active[1] }
#endif
#if !defined(FORGET_FIRST) && !defined(LOOK_ONCE)
      d_step { there[0] = there[0] || in_active[0]; there[1] = there[1] || in_active[1] }
#endif
    :: else
    fi;
#endif
    if
    :: there[0] -> cached[0] = 0        // RFENCE: the hart does it, wherever it is
    :: else
    fi;
    if
    :: there[1] -> cached[1] = 0
    :: else
    fi;
    !entry_late;
    shown = entry;
    n++
  :: else -> break
  od
}

init {
  atomic { run Buffers(); run Switcher(0); run Switcher(1); run Shooter() }
}
