// SPDX-License-Identifier: MIT
//
// Floating-point state.  The unit is off (sstatus.FS) whenever a task is switched
// in; its first floating-point instruction traps, and gets its registers from
// task->fp.  context_switch() saves them if they have been written.  So a task
// pays only in the time slices in which it computes with them.
//
// The kernel has no floating-point code: the registers are the current task's
// from fp_enable() to the next switch.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/string.h"
#include "csr.h"
#include "trap.h"

static u64
fp_status(void)
{
  return csr_read(sstatus) & SSTATUS_FS;
}

bool
fp_enable(void)
{
  if(!machine.fpu)
    return false;
  bool on = intr_save();
  bool was_off = fp_status() == 0;
  if(was_off){
    csr_set(sstatus, SSTATUS_FS);
    if(current->fp_used)
      fp_load(current);
    else
      fp_clear();
    csr_clear(sstatus, SSTATUS_FS ^ SSTATUS_FS_CLEAN);
  }
  intr_restore(on);
  return was_off;
}

// Make task->fp say what the registers say.
void
fp_keep(void)
{
  bool on = intr_save();
  if(fp_status() == SSTATUS_FS_DIRTY)
    fp_save(current);
  intr_restore(on);
}

void
fp_fork(struct task *child)
{
  fp_keep();
  child->fp_used = current->fp_used;
  if(child->fp_used)
    memcpy(child->fp, current->fp, sizeof child->fp);
}

// What the registers say counts no more.
static void
fp_forget(void)
{
  bool on = intr_save();
  csr_clear(sstatus, SSTATUS_FS);
  intr_restore(on);
}

void
fp_reset(void)
{
  fp_forget();
  current->fp_used = 0;
}

// ---- In signal frames: f0..f31, fcsr ----

// => 0 or -EFAULT; a task that has none leaves the zeroes that are there
int
fp_to_user(va_t at)
{
  fp_keep();
  return current->fp_used && copy_to_user(at, current->fp, sizeof current->fp) ? -EFAULT : 0;
}

int
fp_from_user(va_t at)
{
  fp_forget();
  current->fp_used = machine.fpu;
  return copy_from_user(current->fp, at, sizeof current->fp) ? -EFAULT : 0;
}
