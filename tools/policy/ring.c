// SPDX-License-Identifier: MIT
//
// The kernel's policies on a ring of the laboratory's frames.

#include <stdlib.h>
#include "mm/policy/policy.h"
#include "tools/policy/lab.h"

static struct {
  struct ring ring;
  struct memory *memory;
  const struct policy *policy;
  u8 *used, *age;               // by frame
} lab;

static bool
present(struct ring *r, u64 place)
{
  return lab.memory->page[place] != NONE;
}

static u32
use(struct ring *r, u64 place)
{
  return lab.used[place] | (lab.memory->modified[lab.memory->page[place]] ? MODIFIED : 0);
}

static void
forget(struct ring *r, u64 place)
{
  lab.used[place] = 0;
}

static u8 *
age(struct ring *r, u64 place)
{
  return &lab.age[place];
}

static bool
take(struct ring *r, u64 place)
{
  memory_out(lab.memory, place);
  return true;
}

static const struct ring_ops ops = { present, use, forget, age, take };

static void
start(struct memory *m, const char *name)
{
  lab.ring = (struct ring){ .places = m->frames, .ops = &ops };
  lab.memory = m;
  lab.policy = policy_find(name);
  lab.used = allot(m->frames, 1);
  lab.age = allot(m->frames, 1);
}

static void
referenced(struct memory *m, u32 frame, bool came_in)
{
  lab.used[frame] = USED;
  if(came_in)
    lab.age[frame] = AGE_NEW;
}

static void
evict(struct memory *m, u32 n)
{
  lab.policy->choose(&lab.ring, n);
}

static void
tick(struct memory *m)
{
  if(lab.policy->tick)
    lab.policy->tick(&lab.ring);
}

static void
end(struct memory *m)
{
  free(lab.used);
  free(lab.age);
}

const struct chooser ring_chooser = {
  .start = start, .referenced = referenced, .evict = evict, .tick = tick, .end = end,
};
