// SPDX-License-Identifier: MIT
//
// The alarm task.
//
// Lock: due.lock, for the list of alarms whose time has come; inside timers->lock.

#include <machine.h>
#include "kernel/alarm.h"
#include "kernel/printk.h"
#include "kernel/sched.h"

static struct {
  struct spinlock lock;
  struct list list;
  struct waitq arrived;
} due = { .lock = SPINLOCK_INIT("alarms"), .list = LIST_INIT(due.list) };

static void
fire(struct timer *t)
{
  struct alarm *a = container_of(t, struct alarm, timer);
  spin_lock(&due.lock);
  if(list_empty(&a->due)){
    atomic_add(a->refs, 1);
    list_append(&due.list, &a->due);
  }
  spin_unlock(&due.lock);
  wake_one(&due.arrived);
}

void
alarm_init(struct alarm *a)
{
  list_init(&a->due);
  a->timer.fire = fire;
}

void
alarm_set(struct alarm *a, u64 at)
{
  timer_stop(&a->timer);
  if(at != NEVER)
    timer_start(&a->timer, at);
}

static void
alarm_task(void *unused)
{
  for(;;){
    bool on = spin_lock_irq(&due.lock);
    while(list_empty(&due.list))
      wait_io(&due.arrived, &due.lock);
    struct alarm *a = list_first(&due.list, struct alarm, due);
    list_remove(&a->due);
    spin_unlock_irq(&due.lock, on);
    a->come(a);
  }
}

void
alarm_task_start(void)
{
  waitq_init(&due.arrived);
  if(kernel_task("alarm", alarm_task, NULL) == NULL)
    panic("no memory for the alarm task");
}
