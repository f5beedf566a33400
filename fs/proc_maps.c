// SPDX-License-Identifier: MIT
//
// /proc/<pid>/maps and smaps: the areas of a process, and what their pages are.
//
// A page that several entries name, or one entry in a table that several processes
// hold, is shared; each has an equal part of it, so that over all processes the
// parts (Pss) add up to the pages.

#include <pmap.h>
#include "fs/proc.h"
#include "fs/stat.h"
#include "kernel/errno.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include "mm/slot.h"
#include "mm/space.h"

// ---- maps ----

enum { MAPS_NAME_COLUMN = 73 };

static const char *
area_name(const struct space *s, const struct area *a)
{
  if(a->end == USER_TOP)
    return "[stack]";
  return a->flags & AREA_HEAP || (a->start < s->brk && a->end > s->brk_start) ? "[heap]" : NULL;
}

static void
add_map(struct text *x, const struct space *s, const struct area *a, char *path)
{
  struct inode *i = a->file ? a->file->inode : NULL;
  const char *name = area_name(s, a);
  u64 dev = i ? i->super->dev : 0;
  text_add(x, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", a->start, a->end,
           a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
           a->prot & PROT_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
           i ? a->offset : 0, dev_major(dev), dev_minor(dev), i ? i->ino : 0);
  if(i && vfs_path_of(i, path, PATH_MAX) > 0)
    name = path;
  if(name){
    text_pad(x, MAPS_NAME_COLUMN);
    text_add(x, "%s", name);
  }
  text_add(x, "\n");
}

// ---- What the pages of an area are ----

enum { PSS_SHIFT = 12 };             // parts of pages are counted in 1/4096 of a byte

// In pages, the parts in bytes << PSS_SHIFT.
struct usage {
  u64 size, clean[2], dirty[2];      // [1]: shared
  u64 part, dirty_part, swapped, swapped_part;
  u64 used, private, large, locked_part;
};

static u64
part_of(u64 sharers)
{
  return ((u64)PAGE_SIZE << PSS_SHIFT) / max(sharers, 1UL);
}

static void
add_page(struct usage *u, pte_t p, u32 holders)
{
  const struct frame *f = pte_frame(p);
  u64 w = atomic_load(&f->word), sharers = word_mapped(w) * holders;
  bool dirty = pte_dirty(p) || (w & FRAME_DIRTY);
  (dirty ? u->dirty : u->clean)[sharers > 1]++;
  u->part += part_of(sharers);
  u->dirty_part += dirty ? part_of(sharers) : 0;
  u->used += pte_used(p);
  u->private += frame_kind(f) == KIND_ANON;
}

static void
add_entry(void *usage, va_t va, pte_t p, const struct frame *table)
{
  struct usage *u = usage;
  if(pte_state(p) == PTE_SWAPPED){
    u->swapped++;
    u->swapped_part += part_of(slot_names(pte_slot(p)) * table_holders(table));
  } else if(!pte_is_zero(p)){
    add_page(u, p, table_holders(table));
    u->large += table == NULL;
  }
}

static void
add_area(struct usage *u, struct space *s, const struct area *a)
{
  u64 before = u->part;
  u->size += (a->end - a->start) / PAGE_SIZE;
  pmap_scan(&s->pmap, a->start, a->end, NULL, add_entry, u);
  if(a->flags & AREA_LOCKED)
    u->locked_part += u->part - before;
}

static void
kib(struct text *x, const char *name, u64 bytes)
{
  text_add(x, "%s:", name);
  text_pad(x, 16);
  text_add(x, "%8lu kB\n", bytes / KiB);
}

static void
pages(struct text *x, const char *name, u64 n)
{
  kib(x, name, n * PAGE_SIZE);
}

// What Linux counts besides (pages merged or free to lose) is not there.
static void
add_usage(struct text *x, const struct usage *u)
{
  pages(x, "Rss", u->clean[0] + u->clean[1] + u->dirty[0] + u->dirty[1]);
  kib(x, "Pss", u->part >> PSS_SHIFT);
  kib(x, "Pss_Dirty", u->dirty_part >> PSS_SHIFT);
  pages(x, "Shared_Clean", u->clean[1]);
  pages(x, "Shared_Dirty", u->dirty[1]);
  pages(x, "Private_Clean", u->clean[0]);
  pages(x, "Private_Dirty", u->dirty[0]);
  pages(x, "Referenced", u->used);
  pages(x, "Anonymous", u->private);
  pages(x, "AnonHugePages", u->large);
  pages(x, "Swap", u->swapped);
  kib(x, "SwapPss", u->swapped_part >> PSS_SHIFT);
  kib(x, "Locked", u->locked_part >> PSS_SHIFT);
}

static void
add_flags(struct text *x, const struct area *a)
{
  bool shared = a->flags & AREA_SHARED;
  const struct { bool set; char name[3]; } flags[] = {
    { a->prot & PROT_READ, "rd" }, { a->prot & PROT_WRITE, "wr" }, { a->prot & PROT_EXEC, "ex" },
    { shared, "sh" }, { true, "mr" }, { !shared || (a->flags & AREA_MAYWRITE), "mw" },
    { true, "me" }, { shared && (a->flags & AREA_MAYWRITE), "ms" },
    { a->flags & AREA_STACK, "gd" }, { a->flags & AREA_LOCKED, "lo" },
    { a->flags & AREA_DONTFORK, "dc" }, { a->flags & AREA_WIPEONFORK, "wf" },
  };
  text_add(x, "VmFlags:");
  for(u32 k = 0; k < count_of(flags); k++)
    if(flags[k].set)
      text_add(x, " %s", flags[k].name);
  text_add(x, "\n");
}

static void
add_smap(struct text *x, struct space *s, const struct area *a)
{
  struct usage u = { 0 };
  add_area(&u, s, a);
  pages(x, "Size", u.size);
  pages(x, "KernelPageSize", 1);
  pages(x, "MMUPageSize", 1);
  add_usage(x, &u);
  add_flags(x, a);
}

// ---- The files ----

static int
show_areas(struct text *x, struct task *t, bool usage)
{
  struct space *s = task_space(t);
  struct area a;
  char *path = s ? kmalloc(PATH_MAX) : NULL;
  for(va_t va = 0; path && vm_area_at(s, va, &a); va = a.end){
    add_map(x, s, &a, path);
    if(usage)
      add_smap(x, s, &a);
    file_put(a.file);
  }
  int e = s && path == NULL ? -ENOMEM : 0;
  kfree(path);
  space_put(s);
  return e;
}

int
show_maps(struct text *x, struct task *t)
{
  return show_areas(x, t, false);
}

int
show_smaps(struct text *x, struct task *t)
{
  return show_areas(x, t, true);
}

int
show_smaps_rollup(struct text *x, struct task *t)
{
  struct space *s = task_space(t);
  struct usage u = { 0 };
  struct area a;
  va_t start = 0, end = 0;
  if(s == NULL)
    return -ESRCH;
  for(; vm_area_at(s, end, &a); end = a.end){
    start = end ? start : a.start;
    add_area(&u, s, &a);
    file_put(a.file);
  }
  space_put(s);
  text_add(x, "%08lx-%08lx ---p 00000000 00:00 0 ", start, end);
  text_pad(x, MAPS_NAME_COLUMN);
  text_add(x, "[rollup]\n");
  add_usage(x, &u);
  return 0;
}
