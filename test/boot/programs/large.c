// SPDX-License-Identifier: MIT
//
// 4 MiB at 0x40000000, every third page with a number of its own, made large pages; then
// what its arguments say is done to parts of them.  Looks whether the numbers are still
// there, says its own, and waits to be killed.
//
//   protect    a page of the first becomes read-only
//   fork       a child stores to all of the second and ends
//   out        all of it goes to swap, and becomes large pages again

#include "user/abi.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGES = 1024, PAGE = 4096 };

static char *const region = (char *)0x40000000;

static volatile uint64 *
word(long page)
{
  return (uint64 *)(region + page * PAGE);
}

static void
numbers_are_there(void)
{
  for(long i = 0; i < PAGES; i++)
    require(*word(i) == (i % 3 ? 0 : (uint64)i + 1));
}

static void
collapse(void)
{
  require(sys_madvise(region, PAGES * PAGE, MADV_COLLAPSE) == 0);
}

static void
protect(void)
{
  require(sys_mprotect(region + 7 * PAGE, PAGE, PROT_READ) == 0);
}

static void
fork_child(void)
{
  int status;
  if(fork() == 0){
    for(long i = PAGES / 2; i < PAGES; i++)
      *word(i) = 7;
    exit(0);
  }
  require(wait(&status) > 0 && status == 0);
}

static void
send_out(void)
{
  require(sys_madvise(region, PAGES * PAGE, MADV_PAGEOUT) == 0);
  require(sys_madvise(region, PAGES * PAGE, MADV_COLLAPSE) == -EINVAL);   // nothing is there
  require(*word(0) == 1 && *word(PAGES - 1) == PAGES);
  collapse();
}

static const struct { const char *name; void (*fn)(void); } steps[] = {
  { "protect", protect }, { "fork", fork_child }, { "out", send_out },
};

int
main(int argc, char **argv)
{
  require(mmap(region, (long)PAGES * PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == region);
  for(long i = 0; i < PAGES; i += 3)
    *word(i) = (uint64)i + 1;
  collapse();
  for(int a = 1; a < argc; a++)
    for(uint k = 0; k < sizeof steps / sizeof steps[0]; k++)
      if(strcmp(argv[a], steps[k].name) == 0)
        steps[k].fn();
  numbers_are_there();
  out("large %d\n", getpid());
  out_flush();
  for(;;)
    pause(100);
}
