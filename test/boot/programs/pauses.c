// SPDX-License-Identifier: MIT
//
// pauses MIB PERCENT: what a checkpoint costs beside a fork, for a child with that much
// memory that changes so much of it between two: microseconds of fork, of the freeze of a
// first checkpoint and of one that follows; pages and KiB of both.

#include "user/checkpoint.h"
#include "user/require.h"
#include "user/user.h"

enum { PAGE = 4096 };

static volatile char *region;
static long pages;

static void
store(long percent)
{
  for(long i = 0; i < pages; i++)
    if(i * 37 % 100 < percent)
      region[i * PAGE] = region[i * PAGE] + 1;
}

static long
now_us(void)
{
  struct timespec t;
  sys_clock(CLOCK_MONOTONIC, &t);
  return t.sec * 1000000 + t.nsec / 1000;
}

static long
fork_us(void)
{
  long start = now_us(), pid = sys_fork();
  if(pid == 0)
    sys_exit(0);
  long took = now_us() - start;
  require(pid > 0 && sys_wait(pid, NULL, 0) == pid);
  return took;
}

static bool
there(const char *path)
{
  struct kstat st;
  return sys_stat(path, &st) == 0;
}

static void
wait_for(const char *path, bool come)
{
  struct timespec pause = { 0, 1000000 };
  while(there(path) != come)
    sys_nanosleep(&pause, NULL);
}

// It stores whenever there is a file that asks for it, and removes that.
static void
child(long percent)
{
  for(;;){
    wait_for("/store", true);
    store(percent);
    sys_unlink("/store");
  }
}

static void
tell_child(void)
{
  sys_close(sys_open("/store", O_WRONLY | O_CREAT, 0644));
  wait_for("/store", false);
}

static void
save(long pid, const char *path, enum ck_how how)
{
  struct ck_made made;
  const char *why = checkpoint_write(pid, path, how, false, &made);
  if(why)
    die("%s", why);
  printf("%s: %ld us, %ld pages, %ld KiB\n", how == CK_FULL ? "full" : "increment",
         (long)made.frozen_ns / 1000, (long)made.pages, (long)made.bytes / 1024);
}

int
main(int argc, char **argv)
{
  int mib = argc == 3 ? atoi(argv[1]) : 0, percent = argc == 3 ? atoi(argv[2]) : 0;

  pages = mib * 256L;
  region = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(pages && region != (void *)-1);
  store(100);
  fork_us();
  long took = fork_us(), pid = sys_fork();
  if(pid == 0)
    child(percent);
  munmap((void *)region, pages * PAGE);
  tell_child();
  printf("fork: %ld us\n", took);
  save(pid, "saved.1", CK_FULL);
  save(pid, "saved.2", CK_INCREMENT);
  tell_child();
  save(pid, "saved.3", CK_INCREMENT);
  sys_kill(pid, SIGKILL);
  return 0;
}
