// SPDX-License-Identifier: MIT
//
// Waiting for children: wait4.
//
// A child with news is moved to the front of its parent's list, so a search for
// any child ends at once when there is something to find.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/reap.h"
#include "mm/space.h"

// ---- Which children ----

// As wait4's pid: one process, any, one's own group, or another group.
static bool
is_meant(const struct process *child, i32 which)
{
  if(which > 0)
    return child->pid == (u32)which;
  if(which == -1)
    return true;
  return child->pgid == (which == 0 ? current->process->pgid : (u32)-which);
}

static bool
has_news(const struct process *child, u32 options)
{
  if(child->zombie)
    return true;
  if(child->news == WAIT_CONTINUED)
    return options & WCONTINUED;
  return child->news != 0 && (options & WUNTRACED);
}

// => a child with news, NULL if there is none yet; *any: are there children at all?
static struct process *
find_child(i32 which, u32 options, bool *any)
{
  struct process *child;
  *any = false;
  list_for(child, &current->process->children, sibling){
    if(!is_meant(child, which))
      continue;
    *any = true;
    if(has_news(child, options))
      return child;
  }
  return NULL;
}

// ---- What they tell ----

static void
inherit_usage(struct process *p, struct process *child)
{
  p->cutime += child->utime + child->cutime;
  p->cstime += child->stime + child->cstime;
  p->cminor += child->minor + child->cminor;
  p->cmajor += child->major + child->cmajor;
}

// family_lock held.
static void
take_news(struct process *child, struct child_news *n)
{
  n->pid = child->pid;
  n->utime = child->utime + child->cutime;
  n->stime = child->stime + child->cstime;
  n->minor = child->minor + child->cminor;
  n->major = child->major + child->cmajor;
  if(child->zombie){
    n->status = child->exit_status;
    inherit_usage(current->process, child);
    process_reap(child);
  } else {
    n->status = child->news;
    child->news = 0;
  }
}

int
child_wait(i32 which, u32 options, struct child_news *n)
{
  struct process *me = current->process;
  struct process *child;
  bool any;
  int err = 0;
  bool on = spin_lock_irq(&family_lock);
  while((child = find_child(which, options, &any)) == NULL && err == 0){
    if(!any)
      err = -ECHILD;
    else if(options & WNOHANG)
      break;
    else
      err = wait_intr(&me->child_event, &family_lock);
  }
  n->pid = 0;
  if(child){
    take_news(child, n);
    err = 0;
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}
