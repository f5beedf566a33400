// SPDX-License-Identifier: MIT
//
// Pages in the four classes of second chance, so that it can be seen from outside which
// of them a policy takes.
//
//   victims POLICY PAGES STEALS
//
// Of eight pages, 4 are idle and clean, 2 idle and dirty, 1 is used and clean, 1 used and
// dirty; again for every line that begins with an a, for a tick may have been under way.
// Then memory is asked for until STEALS pages have gone.

#include "kernel/types.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, AROUND = 1 << 30 };
enum { IDLE_CLEAN = 4, IDLE_DIRTY = 2, USED_CLEAN = 1 };     // pages, in this order

static char *base;
static int pages;

static volatile char *page(int i) { return base + (uint64)i * PAGE; }
static bool clean(int i) { return i % 8 < IDLE_CLEAN || i % 8 == IDLE_CLEAN + IDLE_DIRTY; }
static bool used(int i) { return i % 8 >= IDLE_CLEAN + IDLE_DIRTY; }

// => its first character
static char
wait_for_line(void)
{
  char first = 0, c;
  printf("waiting\n");
  for(bool begun = false; read(0, &c, 1) == 1; begun = true){
    first = begun ? first : c;
    if(c == '\n')
      break;
  }
  return first;
}

static void
set_policy(const char *name)
{
  int fd = open("/proc/sys/vm/policy", O_WRONLY);
  if(fd < 0 || write(fd, name, strlen(name)) < 0)
    die("no policy %s", name);
  close(fd);
}

static long
counter(const char *name)
{
  return setting_figure("/proc/vmstat", name);
}

// A page that went out and came in is clean: its slot has the same bytes.
static void
make_clean(void)
{
  for(int i = 0; i < pages; i++)
    if(clean(i))
      sys_madvise((char *)page(i), PAGE, MADV_PAGEOUT);
  for(int i = 0; i < pages; i++)
    if(clean(i))
      (void)*page(i);
}

// Aging asks of every page whether it is used, again and again.
static void
make_idle(void)
{
  set_policy("aging");
  for(long since = counter("policy_ticks"); counter("policy_ticks") < since + 2;)
    pause(1);
}

int
main(int argc, char **argv)
{
  if(argc != 4)
    die("usage: victims policy pages steals");
  pages = atoi(argv[2]);
  base = mmap(0, (uint64)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for(int i = 0; i < pages; i++)
    *page(i) = i;
  make_clean();
  make_idle();
  set_policy(argv[1]);
  printf("pid %d\naddress %p\n", getpid(), base);
  do
    for(int i = 0; i < pages; i++)
      if(used(i) && clean(i))
        (void)*page(i);
      else if(used(i))
        *page(i) = i;
  while(wait_for_line() == 'a');

  char *more = mmap(0, AROUND, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
  for(long enough = counter("pgsteal_kswapd") + atoi(argv[3]); counter("pgsteal_kswapd") < enough;
      more += PAGE)
    *more = 1;
  wait_for_line();
  for(int i = 0; i < pages; i++)
    if(*page(i) != (char)i)
      die("page %d is not as it was", i);
  return 0;
}
