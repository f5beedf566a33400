// SPDX-License-Identifier: MIT
//
// Waiting for children: wait4, waitid.
//
// A child with news is moved to the front of its parent's list, so a search for
// any child ends at once when there is something to find.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/reap.h"

// ---- Which children ----

static bool
is_meant(const struct process *child, u32 kind, u32 id)
{
  if(kind == P_PGID)
    return child->pgid == (id == 0 ? current->process->pgid : id);
  return kind == P_ALL || child->pid == id;
}

static bool
has_news(const struct process *child, u32 options)
{
  if(child->zombie)
    return options & WEXITED;
  if(child->news == WAIT_CONTINUED)
    return options & WCONTINUED;
  return child->news != 0 && (options & WUNTRACED);
}

// => a child with news, NULL if there is none yet; *any: are there children at all?
static struct process *
find_child(u32 kind, u32 id, u32 options, bool *any)
{
  struct process *child;
  *any = false;
  list_for(child, &current->process->children, sibling){
    if(!is_meant(child, kind, id))
      continue;
    *any = true;
    if(has_news(child, options))
      return child;
  }
  return NULL;
}

// ---- What they tell ----

// family_lock held.
static void
take_news(struct process *child, u32 options, struct child_news *n)
{
  n->pid = child->pid;
  n->uid = child->uid;
  n->used = child->gone;
  used_add(&n->used, child->waited);
  n->status = child->zombie ? child->exit_status : child->news;
  if(options & WNOWAIT)
    return;
  if(!child->zombie){
    child->news = 0;
  } else {
    used_add(&current->process->waited, n->used);
    process_reap(child);
  }
}

int
child_wait(u32 kind, u32 id, u32 options, struct child_news *n)
{
  struct process *me = current->process;
  struct process *child;
  bool any;
  int err = 0;
  bool on = spin_lock_irq(&family_lock);
  while((child = find_child(kind, id, options, &any)) == NULL && err == 0){
    if(!any)
      err = -ECHILD;
    else if(options & WNOHANG)
      break;
    else
      err = wait_intr(&me->child_event, &family_lock);
  }
  n->pid = 0;
  if(child){
    take_news(child, options, n);
    err = 0;
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}
