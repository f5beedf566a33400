// SPDX-License-Identifier: MIT
//
// date: the date and time, UTC.  An operand that begins with + is a format:
// %Y %m %d %H %M %S, %a %b names, %s seconds since 1970, %F %T together, %%.

#include "user/ulib.h"
#include "user/user.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static void
put(char conversion, const struct calendar *c, const struct timespec *now)
{
  switch(conversion){
  case 'Y': out("%d", c->year); break;
  case 'm': out("%02d", c->month); break;
  case 'd': out("%02d", c->day); break;
  case 'e': out("%2d", c->day); break;
  case 'H': out("%02d", c->hour); break;
  case 'M': out("%02d", c->minute); break;
  case 'S': out("%02d", c->second); break;
  case 'N': out("%09ld", now->nsec); break;
  case 'a': out("%.3s", days + 3 * c->weekday); break;
  case 'b': out("%.3s", months + 3 * (c->month - 1)); break;
  case 's': out("%ld", now->sec); break;
  case 'F': out("%d-%02d-%02d", c->year, c->month, c->day); break;
  case 'T': out("%02d:%02d:%02d", c->hour, c->minute, c->second); break;
  case 'Z': out("UTC"); break;
  case '%': out("%%"); break;
  default: out("%%%c", conversion);
  }
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "u", "date [-u] [+format]" };
  struct timespec now;
  const char *format = "%a %b %e %T %Z %Y";

  while(option(&o))
    ;
  if(argc - o.at > 1 || (o.at < argc && argv[o.at][0] != '+'))
    usage(&o);
  if(o.at < argc)
    format = argv[o.at] + 1;
  long r = sys_clock(CLOCK_REALTIME, &now);
  if(r < 0)
    die("clock: %s", error_text(r));
  struct calendar c = calendar_of(now.sec);
  for(const char *p = format; *p; p++){
    if(p[0] == '%' && p[1])
      put(*++p, &c, &now);
    else
      out("%c", *p);
  }
  out("\n");
  return 0;
}
