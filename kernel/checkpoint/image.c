// SPDX-License-Identifier: MIT
//
// Frozen processes as an open file: their records, which of their pages there are, and their
// memory, each at its place.  Programs make of it what they want.
//
// Locks: of the clone's memory, as for a fault.

#include <machine.h>
#include <pmap.h>
#include "fs/proc.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include "mm/space.h"

// => is there an entry with a frame? Then *f is pinned, or NULL: all zeroes
static bool
pin_entry(struct space *s, va_t va, u32 access, struct frame **f)
{
  bool found = false;
  rw_read_lock(&s->lock);
  pte_t *e = pmap_find(&s->pmap, va);
  if(e){
    found = pte_has_frame(*e) && (access != ACCESS_WRITE || pte_writable(*e));
    if(found){
      *f = pte_is_zero(*e) ? NULL : pte_frame(*e);
      if(*f)
        frame_get(*f, PIN_1);
    }
    pmap_unlock(e);
  }
  rw_read_unlock(&s->lock);
  return found;
}

int
space_pin(struct space *s, u64 va, u32 access, struct frame **f)
{
  while(!pin_entry(s, va, access, f))
    if(vm_fault(s, va, access) != FAULT_OK)
      return -EFAULT;
  return 0;
}

// ---- Reading ----

static i64
read_records(struct frozen *z, va_t buf, u64 n, u64 off)
{
  n = min(n, z->records.len - min(off, z->records.len));
  return copy_to_user(buf, z->records.s + off, n) ? -EFAULT : (i64)n;
}

static i64
read_map(struct frozen *z, va_t buf, u64 n, u64 off)
{
  const u64 frame = (1UL << 55) - 1;
  u64 entry[64];
  i64 got = off % sizeof *entry ? -EINVAL :
            changed_map(z->space, z->since, off / sizeof *entry,
                        min(n / sizeof *entry, count_of(entry)), entry);
  for(i64 i = 0; i < got; i++)
    if((entry[i] & frame) == frame_pfn(zero_frame) && (i64)entry[i] < 0)
      entry[i] = 0;                  // nothing was ever stored there
  if(got > 0 && copy_to_user(buf, entry, (u64)got * sizeof *entry))
    return -EFAULT;
  return got > 0 ? got * (i64)sizeof *entry : got;
}

static i64
read_page(struct frozen *z, va_t buf, u64 n, va_t va)
{
  struct frame *f;
  if(va >= USER_MAX)
    return 0;
  int err = space_pin(z->space, page_down(va), ACCESS_KEEP, &f);
  if(err)
    return err;
  u64 in_page = va & PAGE_MASK;
  n = min(n, PAGE_SIZE - in_page);
  bool bad = f ? copy_to_user(buf, (char *)frame_kva(f) + in_page, n) : zero_user(buf, n);
  if(f)
    frame_put(f, PIN_1);
  return bad ? -EFAULT : (i64)n;
}

// => NULL: there are not so many
static struct frozen *
frozen_at(struct freeze *f, u64 pos)
{
  struct frozen *z;
  u64 n = pos / CK_NEXT;
  list_for(z, &f->all, link)
    if(n-- == 0)
      return z;
  return NULL;
}

typedef i64 read_some(struct frozen *z, va_t buf, u64 n, u64 off);

static i64
image_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u64 at = *pos % CK_NEXT;
  read_some *some = at >= CK_MEMORY ? read_page : at >= CK_MAP ? read_map : read_records;
  u64 base = at >= CK_MEMORY ? CK_MEMORY : at >= CK_MAP ? CK_MAP : CK_RECORDS;
  struct frozen *z = frozen_at(f->priv, *pos);
  i64 got = z && (z->space || at < CK_MAP);
  u64 done = 0;
  while(done < n && got > 0 && !current->killed){
    got = some(z, buf + done, n - done, at + done - base);
    if(got > 0){
      done += (u64)got;
      *pos += (u64)got;
    }
  }
  return done ? (i64)done : got;
}

int
name_from_user(va_t buf, u64 n, char **name)
{
  if(n == 0 || n >= PATH_MAX)
    return -EINVAL;
  if((*name = kzalloc(n + 1)) == NULL)
    return -ENOMEM;
  if(copy_from_user(*name, buf, n) == 0)
    return 0;
  kfree(*name);
  *name = NULL;
  return -EFAULT;
}

// What it was saved as: an absolute path, which is told when it is saved the next time.
static i64
image_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct frozen *z = frozen_at(f->priv, *pos);
  if(z == NULL || z->space == NULL)
    return -EINVAL;
  char *name;
  int err = name_from_user(buf, n, &name);
  if(err)
    return err;
  bool on = spin_lock_irq(&family_lock);
  char *old = z->space->saved_as;
  z->space->saved_as = name;
  spin_unlock_irq(&family_lock, on);
  kfree(old);
  return (i64)n;
}

// ---- Life ----

static void
image_release(struct file *f)
{
  freeze_free(f->priv);
}

static const struct file_ops image_ops = {
  .read = image_read, .write = image_write, .release = image_release,
};

struct freeze *
image_of(struct file *f)
{
  return f && f->ops == &image_ops ? f->priv : NULL;
}

struct file *
image_file(struct freeze *z)
{
  struct file *f = file_nameless(&image_ops, O_RDWR, z);
  if(f == NULL)
    freeze_free(z);
  else
    f->seekable = true;
  return f;
}
