// SPDX-License-Identifier: MIT
//
// free: how the memory is used, in KiB, from /proc/meminfo; -m: in MiB; -b: in bytes;
// -h: each figure with its unit.

#include "user/ulib.h"
#include "user/user.h"

static struct text meminfo;
static int shift;              // from KiB: left if positive
static bool units;

static void
column(long kib)
{
  const char *unit = "KMGT";
  long tenths = kib * 10;

  if(!units){
    out(" %10ld", shift >= 0 ? kib << shift : kib >> -shift);
    return;
  }
  for(; tenths >= 10240; tenths /= 1024)
    unit++;
  out(" %6ld.%ld%ci", tenths / 10, tenths % 10, *unit);
}

static long
value(const char *name)
{
  return figure(meminfo.s, name);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "kmbh", "free [-b | -k | -m | -h]" };

  for(int c; (c = option(&o)) != 0;){
    shift = c == 'b' ? 10 : c == 'm' ? -10 : 0;
    units = c == 'h';
  }
  if(o.at != argc)
    usage(&o);
  if(!read_file("/proc/meminfo", &meminfo))
    die("/proc/meminfo cannot be read");
  long total = value("MemTotal"), unused = value("MemFree");
  long cache = value("Cached") + value("Buffers");
  long swap = value("SwapTotal"), swap_free = value("SwapFree");
  out("      %10s %10s %10s %10s %10s\n", "total", "used", "free", "cache", "available");
  const struct { const char *name; long kib[5]; int n; } lines[] = {
    { "Mem: ", { total, total - unused - cache, unused, cache, value("MemAvailable") }, 5 },
    { "Swap:", { swap, swap - swap_free, swap_free }, 3 },
  };
  for(int i = 0; i < 2; i++){
    out("%s", lines[i].name);
    for(int k = 0; k < lines[i].n; k++)
      column(lines[i].kib[k]);
    out("\n");
  }
  return 0;
}
