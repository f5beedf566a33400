// SPDX-License-Identifier: MIT
//
// The heap as xv6 programs know it: sbrk hands out memory that is there, or
// fails; the kernel alone would promise more than it has.

#include "kernel/memlayout.h"
#include "kernel/sysinfo.h"
#include "user/ulib.h"
#include "user/user.h"

// What the kernel needs at least, the part of RAM it may need besides, and what
// must stay free: whoever takes the last page is killed for it.
enum { KERNEL = 4 << 20, KERNEL_PART = 32, SPARE = 512 << 10 };

static bool
read_meminfo(char *buf, size_t room)
{
  long n, fd = sys_open("/proc/meminfo", O_RDONLY, 0);

  if(fd < 0)
    return false;
  n = sys_read(fd, buf, room - 1);
  sys_close(fd);
  buf[n > 0 ? n : 0] = 0;
  return n > 0;
}

// The bytes in a line such as "MemFree:  1234 kB".
static uint64
entry(const char *meminfo, const char *name)
{
  for(const char *p = meminfo; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
    if(starts_with(p, name))
      return (uint64)(uint)atoi(skip_blanks(p + strlen(name))) * 1024;
  return 0;
}

uint64
ulib_memory(void)
{
  char info[2048];
  if(!read_meminfo(info, sizeof(info)))
    return ~0UL;
  return entry(info, "MemAvailable:") + entry(info, "SwapFree:");
}

// What programs may still have.  Their share of RAM is fixed, it does not depend on
// what the kernel keeps in its caches: tests that count memory before and after
// find the same.
static uint64
left(void)
{
  char info[2048];
  if(!read_meminfo(info, sizeof(info)))
    return ~0UL;
  uint64 total = entry(info, "MemTotal:"), shared = entry(info, "Shmem:");
  uint64 taken = entry(info, "AnonPages:") + shared + KERNEL + total / KERNEL_PART;
  uint64 share = total > taken ? total - taken : 0, there = entry(info, "MemAvailable:");
  there = there > SPARE ? there - SPARE : 0;
  return (share < there ? share : there) + entry(info, "SwapFree:");
}

bool
ulib_memory_for(uint64 bytes)
{
  struct sys_info s;
  if(sys_sysinfo(&s) < 0)
    return true;
  uint64 kernel = KERNEL + s.totalram * s.mem_unit / KERNEL_PART;
  return bytes + kernel <= s.freeram * s.mem_unit || bytes <= left();
}

int
sysinfo(struct sysinfo *info)
{
  struct sys_info s;
  if(sys_sysinfo(&s) < 0)
    return -1;
  struct sysinfo answer = { .freemem = left(), .nproc = s.procs };
  return ulib_store(info, &answer, sizeof(answer));
}

// As in xv6, giving back more than the whole address space changes nothing.
static char *
shrink(uint64 old, uint64 n)
{
  if(n > old)
    return (char *)old;
  return sys_brk(old - n) == old - n ? (char *)old : SBRK_ERROR;
}

char *
sbrklazy(int n)
{
  uint64 old = sys_brk(0);
  if(n < 0)
    return shrink(old, -(long)n);
  if(n > 0 && (old + n > TRAPFRAME || sys_brk(old + n) != old + n))
    return SBRK_ERROR;
  return (char *)old;
}

char *
sbrk(int n)
{
  if(n > 0 && !ulib_memory_for(n))
    return SBRK_ERROR;
  char *old = sbrklazy(n);
  if(n <= 0 || old == SBRK_ERROR)
    return old;
  uint64 start = PGROUNDUP((uint64)old), end = PGROUNDUP((uint64)old + n);
  if(sys_madvise((void *)start, end - start, MADV_POPULATE_WRITE) == 0)
    return old;
  sys_brk((uint64)old);
  return SBRK_ERROR;
}

void *
mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
  long r = sys_mmap(addr, n, prot, flags, fd, offset);
  return r < 0 && r > -PGSIZE ? (void *)-1 : (void *)r;
}

int
munmap(void *addr, size_t n)
{
  return sys_munmap(addr, n) < 0 ? -1 : 0;
}
