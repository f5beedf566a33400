// SPDX-License-Identifier: MIT
//
// Loading ELF programs: segments become private mappings of the file's pages
// (System V ABI, "Program Header"; RISC-V ELF psABI).
//
//        file:   |....text....|....data....|
//                      |             |
//      memory:   [  r-x pages  ]  [ rw- pages | tail cleared ][ anonymous ]
//                                 ^vaddr      ^+filesz        ^+page      ^+memsz
//
// Nothing in a file is believed: a segment that cannot be mapped is -ENOEXEC.

#include <machine.h>
#include "kernel/elf.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "fs/vfs.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

enum {
  ELF_CLASS_64 = 2, ELF_LITTLE_ENDIAN = 1, ELF_MACHINE_RISCV = 243,
  ELF_EXEC = 2, ELF_DYN = 3,
  SEGMENT_LOAD = 1, SEGMENT_INTERP = 3, SEGMENT_STACK = 0x6474e551,
  SEGMENT_X = 1, SEGMENT_W = 2, SEGMENT_R = 4,
  SEGMENTS_MAX = 128,
};

// ---- Reading ----

static bool
header_ok(const struct elf_header *h)
{
  static const u8 magic[] = { 0x7f, 'E', 'L', 'F', ELF_CLASS_64, ELF_LITTLE_ENDIAN };
  return memcmp(h->ident, magic, sizeof magic) == 0 &&
         h->machine == ELF_MACHINE_RISCV &&
         (h->type == ELF_EXEC || h->type == ELF_DYN) &&
         h->phentsize == sizeof(struct elf_segment) &&
         h->phnum > 0 && h->phnum <= SEGMENTS_MAX;
}

// size: of the file.  A segment may end past it, but not by a page.
static bool
segment_ok(const struct elf_segment *g, u64 size)
{
  return g->filesz <= g->memsz && g->offset + g->filesz >= g->offset &&
         g->memsz <= USER_TOP && g->vaddr <= USER_TOP - g->memsz &&
         (g->filesz == 0 || ((g->vaddr & PAGE_MASK) == (g->offset & PAGE_MASK) &&
                             page_down(g->offset + g->filesz - 1) < size));
}

static int
read_segments(struct elf *e, struct file *f, const struct elf_header *h, const void *head, u64 n)
{
  u64 size = h->phnum * sizeof(struct elf_segment);
  e->segments = kmalloc(size);
  if(!e->segments)
    return -ENOMEM;
  e->nsegments = h->phnum;
  if(h->phoff <= n && size <= n - h->phoff){
    memcpy(e->segments, (const u8 *)head + h->phoff, size);
    return 0;
  }
  i64 got = file_read_kernel(f, e->segments, size, h->phoff);
  return got < 0 ? (int)got : (u64)got < size ? -ENOEXEC : 0;
}

static void
survey_load(struct elf *e, const struct elf_segment *g, u64 phoff)
{
  e->start = min(e->start, page_down(g->vaddr));
  e->end = max(e->end, g->vaddr + g->memsz);
  if((g->align & (g->align - 1)) == 0)
    e->align = max(e->align, g->align);
  if(phoff >= g->offset && phoff - g->offset < g->filesz)
    e->headers = g->vaddr + (phoff - g->offset);
}

// What is known once the segments are, but for the place in memory.
static int
survey(struct elf *e, const struct elf_header *h, u64 size)
{
  e->start = USER_MAX;
  e->align = PAGE_SIZE;
  for(u32 i = 0; i < e->nsegments; i++){
    const struct elf_segment *g = &e->segments[i];
    if(g->type == SEGMENT_INTERP && !e->linker)
      e->linker = g;
    if(g->type == SEGMENT_STACK)
      e->executable_stack = g->flags & SEGMENT_X;
    if(g->type != SEGMENT_LOAD)
      continue;
    if(!segment_ok(g, size))
      return -ENOEXEC;
    if(g->memsz > 0)
      survey_load(e, g, h->phoff);
  }
  return e->end > 0 ? 0 : -ENOEXEC;
}

int
elf_open(struct elf *e, struct file *f, const void *head, u64 n)
{
  const struct elf_header *h = head;
  *e = (struct elf){ 0 };
  if(n < sizeof *h || !header_ok(h))
    return -ENOEXEC;
  e->movable = h->type == ELF_DYN;
  e->entry = h->entry;
  int err = read_segments(e, f, h, head, n);
  if(err == 0)
    err = survey(e, h, f->inode->object.size);
  if(err)
    elf_close(e);
  return err;
}

int
elf_linker(const struct elf *e, struct file *f, char *path)
{
  u64 n = e->linker->filesz;
  if(n < 2 || n > PATH_MAX)
    return -ENOEXEC;
  i64 got = file_read_kernel(f, path, n, e->linker->offset);
  if(got < 0)
    return (int)got;
  return (u64)got < n || path[n - 1] != '\0' ? -ENOEXEC : 0;
}

int
elf_place(struct elf *e, va_t want, va_t limit)
{
  va_t low = round_down(e->start, e->align), bias = 0;
  if(e->end - low > limit)
    return -ENOEXEC;
  if(e->movable)
    bias = round_down(min(want, limit - (e->end - low)), e->align) - low;
  e->bias = bias;
  e->entry += bias;
  e->start += bias;
  e->end += bias;
  e->headers += e->headers ? bias : 0;
  return e->start < USER_MIN || e->end > limit ? -ENOEXEC : 0;
}

void
elf_close(struct elf *e)
{
  kfree(e->segments);
  e->segments = NULL;
}

// ---- Mapping ----

static u32
prot_of(const struct elf_segment *g)
{
  return (g->flags & SEGMENT_R ? PROT_READ : 0) | (g->flags & SEGMENT_W ? PROT_WRITE : 0) |
         (g->flags & SEGMENT_X ? PROT_EXEC : 0);
}

// Does the last page of the file's part have to be cleared beyond it?
static bool
has_tail(const struct elf_segment *g)
{
  return g->type == SEGMENT_LOAD && g->filesz > 0 && g->memsz > g->filesz &&
         ((g->vaddr + g->filesz) & PAGE_MASK);
}

static int
map_file_part(const struct elf *e, const struct elf_segment *g, struct space *s, struct file *f)
{
  u64 head = g->vaddr & PAGE_MASK;
  struct object *o = f->ops->map ? f->ops->map(f) : NULL;
  if(!o)
    return -ENOEXEC;
  file_get(f);
  u32 prot = prot_of(g) | (has_tail(g) ? PROT_WRITE : 0);
  i64 at = vm_map(s, e->bias + g->vaddr - head, g->filesz + head, prot,
                  MAP_PRIVATE | MAP_FIXED, o, g->offset - head, f);
  return at < 0 ? (int)at : 0;
}

static int
map_anonymous_part(const struct elf *e, const struct elf_segment *g, struct space *s)
{
  va_t start = e->bias + g->vaddr, end = page_up(start + g->memsz);
  start = g->filesz ? page_up(start + g->filesz) : page_down(start);
  if(start >= end)
    return 0;
  i64 at = vm_map(s, start, end - start, prot_of(g), MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
                  NULL, 0, NULL);
  return at < 0 ? (int)at : 0;
}

int
elf_map(const struct elf *e, struct space *s, struct file *f)
{
  for(u32 i = 0; i < e->nsegments; i++){
    const struct elf_segment *g = &e->segments[i];
    if(g->type != SEGMENT_LOAD || g->memsz == 0)
      continue;
    int err = g->filesz ? map_file_part(e, g, s, f) : 0;
    if(err == 0)
      err = map_anonymous_part(e, g, s);
    if(err)
      return err;
  }
  return 0;
}

int
elf_clear_tails(const struct elf *e)
{
  for(u32 i = 0; i < e->nsegments; i++){
    const struct elf_segment *g = &e->segments[i];
    if(!has_tail(g))
      continue;
    va_t start = e->bias + g->vaddr + g->filesz;
    if(zero_user(start, page_up(start) - start))
      return -EFAULT;
    if(!(prot_of(g) & PROT_WRITE)){
      int err = vm_protect(current->space, page_down(e->bias + g->vaddr),
                           page_up(start) - page_down(e->bias + g->vaddr), prot_of(g));
      if(err)
        return err;
    }
  }
  return 0;
}
