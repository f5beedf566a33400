// SPDX-License-Identifier: MIT
//
// What locks and wait queues are made of.  Include kernel/lock.h, which says
// how they are used; this part is apart because tasks contain some of them.

#pragma once

#include "kernel/list.h"
#include "kernel/types.h"

struct task;

struct spinlock {
  struct task *holder; // NULL = free
  const char *name;
};

// Tasks asleep until an event, first come first woken.
struct waitq {
  struct spinlock lock;
  struct list waiters;
};

// owner: the holding task, plus SLEEPLOCK_WAITERS when somebody waits; 0 = free.
struct sleeplock {
  u64 owner;
  const char *name;
  struct spinlock lock;        // the slow path
  struct waitq waiters;
};
#define SLEEPLOCK_WAITERS 1UL

// Many readers or one writer; a waiting writer holds back new readers.
// word: RW_WRITER or the number of readers in units of RW_READER, plus
// RW_WAITERS when somebody waits: then all go the slow path.
struct rwlock {
  u64 word;
  struct task *writer;
  const char *name;
  struct spinlock lock;        // the slow path; below
  u32 readers_waiting, writers_waiting;
  struct waitq readers, writers;
};
#define RW_WAITERS 1UL
#define RW_WRITER  2UL
#define RW_READER  4UL

#define SPINLOCK_INIT(n) { .name = (n) }
#define WAITQ_INIT(q)    { SPINLOCK_INIT("waitq"), LIST_INIT((q).waiters) }
#define SLEEPLOCK_INIT(l, n) \
  { .name = (n), .lock = SPINLOCK_INIT(n), .waiters = WAITQ_INIT((l).waiters) }
