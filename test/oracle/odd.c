// SPDX-License-Identifier: MIT
//
// Steps that do nothing: calls that are refused for one of their arguments.

#include "world.h"
#include <sys/syscall.h>

static long
raw(long nr, const long *a)
{
  return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// A call whose arguments are fine but for one.
void
do_odd(void)
{
  enum { ANY = MAP_PRIVATE | MAP_ANONYMOUS, NEW = MAP_SHARED_VALIDATE | 1 << 25 };
  long p = (long)at(pick_page()), f = files[0][0], half = p + PAGE / 2;
  u8 vec[8];
  const struct { const char *name; long nr, args[6]; } calls[] = {
    { "mmap of no bytes", SYS_mmap, { p, 0, PROT_READ, ANY } },
    { "mmap at half a page", SYS_mmap, { half, PAGE, PROT_READ, ANY | MAP_FIXED } },
    { "mmap from half a page", SYS_mmap, { p, PAGE, PROT_READ, MAP_SHARED, f, PAGE / 2 } },
    { "mmap neither shared nor private", SYS_mmap, { p, PAGE, PROT_READ, MAP_ANONYMOUS } },
    { "mmap of too much", SYS_mmap, { p, 1L << 62, PROT_READ, ANY } },
    { "mmap behind the last offset", SYS_mmap, { p, PAGE, PROT_READ, MAP_SHARED, f, -PAGE } },
    { "mmap of no file", SYS_mmap, { p, PAGE, PROT_READ, MAP_SHARED, -1 } },
    { "mmap beyond user memory", SYS_mmap, { 1L << 62, PAGE, PROT_READ, ANY | MAP_FIXED } },
    { "mmap with an unknown flag", SYS_mmap, { p, PAGE, PROT_READ, NEW, f } },
    { "mmap, validated, of no file", SYS_mmap, { p, PAGE, PROT_READ, NEW | MAP_ANONYMOUS } },
    { "munmap of no bytes", SYS_munmap, { p, 0 } },
    { "munmap at half a page", SYS_munmap, { half, PAGE } },
    { "munmap of too much", SYS_munmap, { p, 1L << 62 } },
    { "mprotect of no bytes", SYS_mprotect, { p, 0, PROT_READ } },
    { "mprotect at half a page", SYS_mprotect, { half, PAGE, PROT_READ } },
    { "mprotect to something odd", SYS_mprotect, { p, PAGE, 0x40 } },
    { "mprotect of too much", SYS_mprotect, { p, -PAGE, PROT_READ } },
    { "madvise at half a page", SYS_madvise, { half, PAGE, MADV_DONTNEED } },
    { "madvise of no bytes", SYS_madvise, { p, 0, MADV_DONTNEED } },
    { "madvise of too much", SYS_madvise, { p, -PAGE, MADV_DONTNEED } },
    { "madvise of an odd kind", SYS_madvise, { p, PAGE, 77 } },
    { "msync at half a page", SYS_msync, { half, PAGE, MS_SYNC } },
    { "msync of no bytes", SYS_msync, { p, 0, MS_SYNC } },
    { "msync, waiting and not", SYS_msync, { p, PAGE, MS_SYNC | MS_ASYNC } },
    { "msync of an odd kind", SYS_msync, { p, PAGE, 64 } },
    { "mincore at half a page", SYS_mincore, { half, PAGE, (long)vec } },
    { "mincore of too much", SYS_mincore, { p, 1L << 62, (long)vec } },
    { "mincore to nowhere", SYS_mincore, { p, PAGE, 16 } },
    { "mlock2 of an odd kind", SYS_mlock2, { p, PAGE, 2 } },
    { "munlock of no bytes", SYS_munlock, { p, 0 } },
    { "mlockall of an odd kind", SYS_mlockall, { 64 } },
    { "mremap to no bytes", SYS_mremap, { p, PAGE, 0, MREMAP_MAYMOVE } },
    { "mremap at half a page", SYS_mremap, { half, PAGE, PAGE, MREMAP_MAYMOVE } },
    { "mremap of an odd kind", SYS_mremap, { p, PAGE, PAGE, 64 } },
    { "mremap to a place, and not", SYS_mremap, { p, PAGE, PAGE, MREMAP_FIXED, p } },
    { "mremap onto itself", SYS_mremap, { p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p } },
    { "pread at a negative offset", SYS_pread64, { f, p, PAGE, -1 } },
    { "pwrite at a negative offset", SYS_pwrite64, { f, p, PAGE, -1 } },
    { "pread of no file", SYS_pread64, { -1, p, PAGE } },
    { "read to nowhere", SYS_pread64, { f, 16, 1 } },
    { "ftruncate to less than nothing", SYS_ftruncate, { f, -1 } },
  };
  int k = roll(COUNT(calls));
  say("%s (p%ld)", calls[k].name, (p - (long)BASE) / PAGE);
  say_result(raw(calls[k].nr, calls[k].args));
}
