// SPDX-License-Identifier: MIT
//
// The heap as xv6 programs know it: sbrk hands out memory that is there, or
// fails; the kernel alone would promise more than it has.

#include "kernel/riscv.h"
#include "user/ulib.h"
#include "user/user.h"

enum { RESERVE = 32 };         // 1/32 of RAM stays for the kernel and everyone else

// What /proc/meminfo calls available: free, or in caches that would give way.
static bool
read_available(uint64 *bytes)
{
  static const char name[] = "MemAvailable:";
  char buf[512];
  long n, fd = sys_open("/proc/meminfo", O_RDONLY, 0);

  if(fd < 0)
    return false;
  n = sys_read(fd, buf, sizeof(buf) - 1);
  sys_close(fd);
  buf[n > 0 ? n : 0] = 0;
  for(const char *p = buf; *p; p++){
    if(memcmp(p, name, sizeof(name) - 1) != 0)
      continue;
    for(p += sizeof(name) - 1; *p == ' '; p++)
      ;
    *bytes = (uint64)(uint)atoi(p) * 1024;
    return true;
  }
  return false;
}

uint64
ulib_memory(void)
{
  struct sys_info s;
  uint64 available;

  if(sys_sysinfo(&s) < 0)
    return ~0UL;
  if(!read_available(&available))
    available = (s.freeram + s.bufferram) * s.mem_unit;
  return available + s.freeswap * s.mem_unit;
}

// Asks the caches only if free memory alone will not do.
bool
ulib_memory_for(uint64 bytes)
{
  struct sys_info s;
  if(sys_sysinfo(&s) < 0)
    return true;
  uint64 need = bytes + s.totalram * s.mem_unit / RESERVE;
  return need <= s.freeram * s.mem_unit || need <= ulib_memory();
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
  if(n > 0 && sys_brk(old + n) != old + n)
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
