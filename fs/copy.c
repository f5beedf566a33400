// SPDX-License-Identifier: MIT
//
// Copying from a file to an open file of any kind.  The pages of the source are
// mapped for a moment into the space of the caller and written from there, so that
// their bytes are copied once.

#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/task.h"
#include "mm/space.h"

enum { WINDOW = 64 * PAGE_SIZE };

// Up to a window of n bytes at `from`, which are in the file.  => bytes or -errno
static i64
copy_window(struct file *out, u64 *to, struct file *in, u64 from, u64 n)
{
  u64 in_page = from & PAGE_MASK;
  n = min(n, WINDOW - in_page);
  i64 at = vm_map(current->space, 0, in_page + n, PROT_READ, MAP_SHARED, in->ops->map(in),
                  from - in_page, NULL);
  if(at < 0)
    return at;
  i64 done = file_write(out, at + in_page, n, to);
  vm_unmap(current->space, at, in_page + n);
  return done == -EFAULT ? -EIO : done;     // the pages could not be read
}

bool
file_can_copy(const struct file *in)
{
  return in->ops->map && S_ISREG(in->inode->mode);
}

i64
file_copy(struct file *out, u64 *to, struct file *in, u64 *from, u64 n)
{
  u64 total = 0;
  i64 r = 1;
  while(total < n && r > 0){
    u64 size = in->inode->object.size, left = *from < size ? size - *from : 0;
    r = left ? copy_window(out, to, in, *from, min(n - total, left)) : 0;
    if(r > 0){
      total += r;
      *from += r;
    }
  }
  return total || n == 0 ? (i64)total : r;
}
