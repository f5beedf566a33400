// SPDX-License-Identifier: MIT
//
// free: how the memory is used, in KiB, from /proc/meminfo; -m: in MiB; -b: in
// bytes.

#include "user/ulib.h"
#include "user/user.h"

static struct text meminfo;
static int shift;              // from KiB: left if positive

// The value of a line "name:  123 kB"; 0 if there is no such line.
static long
value(const char *name)
{
  size_t n = strlen(name);
  long kib = 0;

  for(const char *p = meminfo.s; *p; p++){
    if(compare_n(p, name, n) == 0 && p[n] == ':'){
      for(p = skip_blanks(p + n + 1); *p >= '0' && *p <= '9'; p++)
        kib = kib * 10 + (*p - '0');
      break;
    }
    while(*p && *p != '\n')
      p++;
    if(!*p)
      break;
  }
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
