// SPDX-License-Identifier: MIT
//
// Job control (POSIX, "General Terminal Interface"): process groups, sessions, and
// which of them has the terminal.
//
// Lock: family_lock, for all of it.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/job.h"
#include "kernel/pid.h"
#include "kernel/signal.h"

static u32 session, foreground;      // of the terminal; 0: none

// ---- Groups and sessions ----

// => 0: there is no such group
static u32
session_of(const struct pid *group)
{
  if(!group || list_empty(&group->group))
    return 0;
  return list_first(&group->group, struct process, in_group)->sid;
}

int
process_set_group(struct process *p, u32 pgid)
{
  struct pid *group = pid_find(pgid);
  if(p->sid == p->pid || p->sid != current->process->sid ||
     (pgid != p->pid && session_of(group) != p->sid))
    return -EPERM;
  if(pgid == p->pgid)
    return 0;
  group->users++;                  // it may be left by its last member
  pid_leave(p);
  p->pgid = pgid;
  pid_join(p);
  pid_put(group);
  return 0;
}

int
process_new_session(struct process *p)
{
  if(p->pgid == p->pid || !list_empty(&pid_find(p->pid)->group))
    return -EPERM;
  pid_leave(p);
  p->pgid = p->sid = p->pid;
  pid_join(p);
  return 0;
}

// ---- Groups that nobody controls any more ----

// Is it p that could continue a child of its in this group and session?
static bool
controls(const struct process *p, u32 pgid, u32 sid)
{
  return p && p->pgid != pgid && p->sid == sid;
}

bool
group_is_orphaned(u32 pgid)
{
  struct process *p;
  list_for(p, &pid_find(pgid)->group, in_group)
    if(!p->zombie && controls(p->parent, pgid, p->sid))
      return false;
  return true;
}

static bool
has_stopped(u32 pgid)
{
  struct process *p;
  list_for(p, &pid_find(pgid)->group, in_group)
    if(p->stopped)
      return true;
  return false;
}

static void
hang_up(u32 pgid)
{
  signal_send_group_locked(pgid, SIGHUP);
  signal_send_group_locked(pgid, SIGCONT);
}

// A group has lost somebody who controlled it: what is stopped would be for ever.
static void
hang_up_if_orphaned(u32 pgid)
{
  if(has_stopped(pgid) && group_is_orphaned(pgid))
    hang_up(pgid);
}

void
job_lost_parent(const struct process *child, const struct process *old_parent)
{
  if(controls(old_parent, child->pgid, child->sid))
    hang_up_if_orphaned(child->pgid);
}

void
job_ended(struct process *p)
{
  if(p->pid == p->sid && p->sid == session){
    if(pid_find(foreground))
      hang_up(foreground);
    session = foreground = 0;
  }
  job_lost_parent(p, p->parent);
}

// ---- The terminal ----

bool
job_is_led_by(const struct process *p)
{
  return p->pid == p->sid || (p->pid == p->pgid && p->pgid == foreground);
}

int
terminal_check(int sig)
{
  struct process *p = current->process;
  int err = 0;
  bool on = spin_lock_irq(&family_lock);
  if(foreground && p->sid == session && p->pgid != foreground){
    if(signal_ignored(sig)){
      err = sig == SIGTTIN ? -EIO : 0;
    } else if(group_is_orphaned(p->pgid)){
      err = -EIO;
    } else {
      signal_send_group_locked(p->pgid, sig);
      atomic_or(&current->notify, NOTIFY_SIGNAL);    // another thread may have taken it
      err = -EINTR;
    }
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}

int
terminal_set_session(bool force)
{
  struct process *p = current->process;
  bool on = spin_lock_irq(&family_lock);
  bool may = p->sid == p->pid && (!session || session == p->sid || (force && p->uid == 0));
  if(may && session != p->sid){
    session = p->sid;
    foreground = p->pgid;
  }
  spin_unlock_irq(&family_lock, on);
  return may ? 0 : -EPERM;
}

static int
set_foreground_locked(u32 pgid)
{
  u32 sid = session_of(pid_find(pgid));
  if(session != current->process->sid)
    return -ENOTTY;
  if(sid == session)
    foreground = pgid;
  return sid == session ? 0 : sid ? -EPERM : -ESRCH;
}

int
terminal_set_foreground(i32 pgid)
{
  if(pgid < 0)
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  int err = set_foreground_locked((u32)pgid);
  spin_unlock_irq(&family_lock, on);
  return err;
}

u32
terminal_foreground_of(const struct process *p)
{
  return session && session == p->sid ? foreground : 0;
}

static i64
if_mine(const u32 *what)
{
  bool on = spin_lock_irq(&family_lock);
  i64 r = session && session == current->process->sid ? (i64)*what : -ENOTTY;
  spin_unlock_irq(&family_lock, on);
  return r;
}

i64 terminal_foreground(void) { return if_mine(&foreground); }
i64 terminal_session(void) { return if_mine(&session); }

void
terminal_signal(int sig)
{
  bool on = spin_lock_irq(&family_lock);
  signal_send_group_locked(foreground, sig);
  spin_unlock_irq(&family_lock, on);
}
