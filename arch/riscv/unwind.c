// SPDX-License-Identifier: MIT
//
// Call chains.  There are no frame pointers; a table (kernel/ksym.h) says of each
// function how large its frame is and where the return address lies in it.  That is
// all there is to know of a caller, which is in the midst of a call.  What a trap
// interrupted may be anywhere, its frame not there yet or gone already: the code
// ahead of it tells.

#include <machine.h>
#include "kernel/ksym.h"
#include "kernel/task.h"
#include "mm/vmap.h"
#include "offsets.h"
#include "trap.h"
#include "unwind.h"

// What there is of the frame: nothing, and ra is in its register; the room, but ra is
// still there; all.  LEAVES: a call in place of a return, or a jump by a table.
enum frame { NONE, ROOM, WHOLE, LEAVES };

// How the next instruction that deals with the frame tells (unprivileged
// specification, chapters "RV32/64G Instruction Set Listings" and "C").
static const struct { u32 mask, bits; enum frame frame; } signs[] = {
  { 0x0000ff83, 0x00007101, NONE },    // c.addi16sp, down
  { 0x0000ff83, 0x00006101, ROOM },    // and up
  { 0x0000ff83, 0x00001101, NONE },    // c.addi sp, down
  { 0x0000ff83, 0x00000101, ROOM },
  { 0x800fffff, 0x80010113, NONE },    // addi sp, down
  { 0x800fffff, 0x00010113, ROOM },
  { 0x0000e07f, 0x0000e006, ROOM },    // c.sdsp ra
  { 0x01fff07f, 0x00113023, ROOM },    // sd ra
  { 0x0000ef83, 0x00006082, WHOLE },   // c.ldsp ra
  { 0x000fffff, 0x00013083, WHOLE },   // ld ra
  { 0x0000f07f, 0x00009002, WHOLE },   // c.jalr: a call
  { 0x00000fff, 0x000000e7, WHOLE },   // jalr ra
  { 0x00000fff, 0x000000ef, WHOLE },   // jal ra
  { 0x0000ffff, 0x00008082, NONE },    // ret
  { 0x0000f07f, 0x00008002, LEAVES },  // c.jr
  { 0x00000fff, 0x00000067, LEAVES },  // jr
};

// Bits `from` and up of an instruction, n of them, to where they belong.
#define PART(from, n, to) ((i64)(insn >> (from) & ((1u << (n)) - 1)) << (to))

// => where a jump without condition leads, 0: it is none
static va_t
jump(va_t pc, u32 insn)
{
  i64 off;
  if((insn & 0xe003) == 0xa001)        // c.j
    off = PART(2, 1, 5) | PART(3, 3, 1) | PART(6, 1, 7) | PART(7, 1, 6) | PART(8, 1, 10) |
          PART(9, 2, 8) | PART(11, 1, 4) | -PART(12, 1, 11);
  else if((insn & 0xfff) == 0x06f)     // jal x0
    off = PART(12, 8, 12) | PART(20, 1, 11) | PART(21, 10, 1) | -PART(31, 1, 20);
  else
    return 0;
  return pc + (u64)off;
}

static enum frame
frame_at(va_t pc, const struct code *c)
{
  for(u32 n = 0; n < 1000; n++){       // a loop may never end
    if(pc < c->start || pc >= c->end)
      return NONE;                     // a jump in place of a call
    u32 insn = *(const u16 *)pc;
    bool full = (insn & 3) == 3;
    if(full)
      insn |= (u32)*(const u16 *)(pc + 2) << 16;
    for(u32 i = 0; i < count_of(signs); i++)
      if((insn & signs[i].mask) == signs[i].bits)
        return signs[i].frame;
    va_t to = jump(pc, insn);
    pc = to ? to : pc + (full ? 4 : 2);
  }
  return WHOLE;
}

static bool
on_stack(const struct task *t, u64 at, u64 n)
{
  extern u8 emergency_stack[];
  u64 task = (u64)t->stack, emergency = (u64)emergency_stack;
  return at % 8 == 0 && ((at >= task && at + n <= task + KSTACK_SIZE) ||
                         (at >= emergency && at + n <= emergency + KSTACK_SIZE));
}

// Does the function return by way of t0, having no frame (page.S)?
static bool
by_t0(const struct code *c)
{
  return c->start == (va_t)page_zero_millicode || c->start == (va_t)page_copy_millicode;
}

// From a place in a function to where its caller goes on. => false: the chain ends
static bool
up(const struct task *t, struct place *p)
{
  struct code c = { 0 };
  enum frame frame = WHOLE;
  bool known = code_at(p->pc - !p->interrupted, &c);
  if(p->interrupted && by_t0(&c)){
    p->pc = p->t0;
    return true;
  }
  if(p->interrupted)
    frame = known && c.frame ? frame_at(p->pc, &c) : NONE;
  if(p->interrupted && c.ra == 0 && frame == WHOLE)
    frame = ROOM;
  if(frame == LEAVES)                  // has a call it made come back already?
    frame = p->ra > c.start && p->ra <= c.end ? WHOLE : NONE;
  p->interrupted = false;
  p->pc = p->ra;
  if(frame == WHOLE){
    if(c.ra == 0 || !on_stack(t, p->sp + c.ra, 8))
      return false;
    p->pc = *(const u64 *)(p->sp + c.ra);
  }
  p->sp += frame == NONE ? 0 : c.frame;
  return p->pc != 0;
}

// What the kernel did when a trap came. => false: it was no such trap
static bool
through_trap(const struct task *t, struct place *p)
{
  struct code c;
  if(!code_at(p->pc - 1, &c) || c.start != (va_t)trap_from_kernel ||
     !on_stack(t, p->sp, sizeof(struct trapframe)))
    return false;
  *p = place_of((const struct trapframe *)p->sp);
  return true;
}

// Who made a call aside (aside.S)?  It may not have saved its ra, for it was not to change.
static bool
through_aside(const struct task *t, struct place *p)
{
  struct code c;
  if(!code_at(p->pc - 1, &c) || c.start != (va_t)call_aside || !on_stack(t, p->sp, ASIDE_SIZE))
    return false;
  const u64 *saved = (const u64 *)p->sp;
  *p = (struct place){ .pc = saved[0], .ra = saved[1], .sp = p->sp + ASIDE_SIZE,
                       .interrupted = true };
  return true;
}

struct place
place_of(const struct trapframe *tf)
{
  return (struct place){ .pc = tf->pc, .sp = tf->sp, .ra = tf->ra, .t0 = tf->t[0],
                         .interrupted = true };
}

u32
unwind(const struct task *t, struct place p, u64 *pc, u32 most)
{
  u32 n = 0;
  while(n < most && up(t, &p)){
    pc[n++] = p.pc;
    if(n < most && (through_trap(t, &p) || through_aside(t, &p)))
      pc[n++] = p.pc;
  }
  return n;
}
