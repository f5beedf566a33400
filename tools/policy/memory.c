// SPDX-License-Identifier: MIT
//
// Frames and the pages in them.

#include <stdlib.h>
#include "tools/policy/lab.h"

void
memory_init(struct memory *m, const struct trace *t, u32 frames)
{
  *m = (struct memory){ .trace = t, .frames = frames, .holes = frames };
  m->page = allot(frames, sizeof(u32));
  m->hole = allot(frames, sizeof(u32));
  m->frame = allot(t->pages, sizeof(u32));
  m->faults_of = allot(t->pages, sizeof(u64));
  m->modified = allot(t->pages, sizeof(bool));
  for(u32 i = 0; i < frames; i++){
    m->page[i] = NONE;
    m->hole[i] = i;
  }
  for(u32 i = 0; i < t->pages; i++)
    m->frame[i] = NONE;
}

void
memory_free(struct memory *m)
{
  free(m->page);
  free(m->hole);
  free(m->frame);
  free(m->modified);
  free(m->faults_of);
}

u32
memory_in(struct memory *m, u32 page)
{
  u32 frame = m->hole[m->first_hole];
  m->first_hole = (m->first_hole + 1) % m->frames;
  m->holes--;
  m->page[frame] = page;
  m->frame[page] = frame;
  m->modified[page] = false;
  m->faults++;
  m->faults_of[page]++;
  return frame;
}

void
memory_out(struct memory *m, u32 frame)
{
  u32 page = m->page[frame];
  m->writes += m->modified[page];
  m->frame[page] = NONE;
  m->page[frame] = NONE;
  m->hole[(m->first_hole + m->holes++) % m->frames] = frame;
  if(m->steps)
    fprintf(m->steps, "out %u\n", frame);
}
