// SPDX-License-Identifier: MIT
//
// migrate: let a process go on in another machine, over a link; here, or there.

#include "user/migrate.h"
#include "user/user.h"

static void
interrupt(int sig)
{
  mg_interrupted = true;
}

static uint64
parse_time(struct options *o, uint64 unit)
{
  long n;

  if(!parse_long(o->value, &n) || n <= 0 || n > 1000000)
    usage(o);
  return n * unit;
}

int
main(int argc, char **argv)
{
  static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
  struct migration m = { "/dev/vport0p1", ".", 10000000000, 300000000 };
  struct sig_action act = { .handler = (uint64)interrupt };
  struct options o = { argc, argv, "d:l:p:t:",
    "migrate [-p ms] [-l link] [-t seconds] pid\n"
    "       migrate --receive [-d directory] [-l link] [-t seconds]\n"
    "         -p: how long it may stand still (300);  -l: instead of /dev/vport0p1\n"
    "         -t: silence that is too long (10);  -d: for its pages until it has them",
    .word = "receive" };
  bool receives = false;
  long pid = 0;

  for(int c; (c = option(&o)) != 0;){
    if(c == OPTION_WORD)
      receives = true;
    else if(c == 'd')
      m.dir = o.value;
    else if(c == 'l')
      m.link = o.value;
    else if(c == 'p')
      m.pause = parse_time(&o, 1000000);
    else
      m.limit = parse_time(&o, 1000000000);
  }
  if(argc - o.at != !receives || (!receives && (!parse_long(argv[o.at], &pid) || pid <= 0)))
    usage(&o);
  for(int i = 0; i < 3; i++)
    sys_sigaction(signals[i], &act, NULL);
  return receives ? migrate_from(&m) : migrate_to(&m, pid);
}
