// SPDX-License-Identifier: MIT
//
// free: how the memory is used, in KiB, from /proc/meminfo; -m: in MiB; -b: in
// bytes.

#include "user/ulib.h"
#include "user/user.h"

static struct text meminfo;
static int shift;              // from KiB: left if positive

static long
value(const char *name)
{
  long kib = figure(meminfo.s, name);

  return shift >= 0 ? kib << shift : kib >> -shift;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "kmb", "free [-b | -k | -m]" };

  for(int c; (c = option(&o)) != 0;)
    shift = c == 'b' ? 10 : c == 'm' ? -10 : 0;
  if(o.at != argc)
    usage(&o);
  if(!read_file("/proc/meminfo", &meminfo))
    die("/proc/meminfo cannot be read");
  long total = value("MemTotal"), unused = value("MemFree");
  long cache = value("Cached") + value("Buffers");
  long swap = value("SwapTotal"), swap_free = value("SwapFree");
  out("      %10s %10s %10s %10s %10s\n", "total", "used", "free", "cache", "available");
  out("Mem:  %10ld %10ld %10ld %10ld %10ld\n", total, total - unused - cache, unused, cache,
      value("MemAvailable"));
  out("Swap: %10ld %10ld %10ld\n", swap, swap - swap_free, swap_free);
  return 0;
}
