// SPDX-License-Identifier: MIT
//
// usertests: what happens when there is no more of something, and that it all
// comes back.  On another kernel, whose memory is not ours to use up, these do
// nothing.

#include "user/usertest.h"

enum { MIB = 1024 * 1024, MOST_CHILDREN = 100000 };

// Caches fill while tests run: so much may be missing afterwards.
enum { SLACK = 2 * MIB };

// So many blocks of the disk may stay with tables that have grown.
enum { TABLE_BLOCKS = 256 };

// => how many pages sbrk hands out until it fails, whether for many or for one
static long
take_all_memory(void)
{
  long n = 0;
  for(long pages = 256; pages > 0; pages /= 16)
    while(sbrk(pages * PGSIZE) != SBRK_ERROR)
      n += pages;
  return n;
}

static void
require_free(uint64 before)
{
  uint64 now = 0;
  // Memory of the dead is given back by others, in time; what harts keep at hand, when asked for.
  for(int i = 0; i < 30; i++){
    setting_write("/proc/sys/vm/drop_caches", 3);
    now = ulib_memory();
    if(now + SLACK >= before)
      return;
    pause(1);
  }
  printf("%lu bytes were free, %lu are ", before, now);
  require(now + SLACK >= before);
}

// ---- Processes ----

static void
test_fork_until_failure(void)
{
  int n = 0, pid = 0, fds[2];
  uint64 before = ulib_memory();
  char c;

  if(!on_quire())
    return;
  require(pipe(fds) == 0);
  while(n < MOST_CHILDREN && (pid = fork()) >= 0){
    if(pid == 0){
      close(fds[1]);
      read(fds[0], &c, 1);
      exit(0);
    }
    n++;
  }
  require(n > 10 && pid < 0);
  close(fds[1]);
  wait_all(n);
  close(fds[0]);
  require_free(before);
  if(must_fork() == 0)
    exit(0);
  wait_all(1);
}

// Processes that fork until it fails, all at once.  What they share says when it
// is over, also to orphans.
static void
test_fork_bomb(void)
{
  uint64 before = ulib_memory();
  volatile int *over;
  int pid;

  if(!on_quire())
    return;
  over = mmap(NULL, PGSIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(over != (void *)-1);
  pid = must_fork();
  if(pid == 0){
    while(!*over)
      if(fork() < 0)
        *over = 1;
    exit(0);
  }
  for(int i = 0; i < 20 && !*over; i++)
    pause(1);
  *over = 1;
  wait(0);
  require_free(before);
  // Orphans count until init has reaped them.
  for(int i = 0; i < 30 && (pid = fork()) < 0; i++)
    pause(1);
  require(pid >= 0);
  if(pid == 0)
    exit(0);
  wait_all(1);
}

// ---- Memory ----

static void
test_sbrk_until_failure(void)
{
  uint64 before = ulib_memory();
  long pages[2];
  int fds[2];

  if(!on_quire())
    return;
  require(pipe(fds) == 0);
  for(int i = 0; i < 2; i++){
    if(must_fork() == 0){
      long n = take_all_memory();
      require(write(fds[1], &n, sizeof(n)) == sizeof(n));
      exit(0);
    }
    wait_all(1);
    require(read(fds[0], &pages[i], sizeof(long)) == sizeof(long));
  }
  require(pages[0] > 100 && pages[1] * PGSIZE + SLACK >= pages[0] * PGSIZE);
  require_free(before);
}

static void
test_malloc_until_failure(void)
{
  uint64 before = ulib_memory();

  if(!on_quire())
    return;
  if(must_fork() == 0){
    void **last = NULL, **p;
    while((p = malloc(10001)) != NULL){
      *p = last;
      last = p;
    }
    for(; last; last = p){
      p = *last;
      free(last);
    }
    require(malloc(20 * PGSIZE));
    exit(0);
  }
  wait_all(1);
  require_free(before);
}

static void
touch_all(void *arg)
{
  uint64 n = (uint64)arg;
  char *p = sbrklazy(n);

  require(p != SBRK_ERROR);
  for(uint64 i = 0; i < n; i += PGSIZE)
    p[i] = 1;
}

// A promise that cannot be kept costs the one who calls it in, and nobody else.
static void
test_out_of_memory(void)
{
  uint64 before = ulib_memory(), much = 1UL << 30;
  int fds[2], bystander;
  char c;

  if(!on_quire() || before >= much)
    return;
  require(pipe(fds) == 0);
  bystander = must_fork();
  if(bystander == 0){
    close(fds[1]);
    exit(read(fds[0], &c, 1) == 0 ? 0 : 1);
  }
  for(int i = 0; i < 3; i++){
    int status, pid = must_fork();
    if(pid == 0){
      touch_all((void *)much);
      exit(0);
    }
    require(sys_wait(pid, &status, 0) == pid && wait_signal(status) == SIGKILL);
  }
  close(fds[1]);
  wait_all(1);
  close(fds[0]);
  require_free(before);
}

// exec when there is hardly any memory fails or works, but leaks nothing.
static void
test_exec_without_memory(void)
{
  char *argv[] = { "echo", "x", NULL };
  uint64 before = ulib_memory();

  if(!on_quire())
    return;
  for(int spare = 0; spare < 12; spare++){
    int status, pid = must_fork();
    if(pid == 0){
      take_all_memory();
      sbrk(-spare * PGSIZE);
      close(1);
      close(2);
      exec(program("echo"), argv);
      exit(0);
    }
    require(wait(&status) == pid);
  }
  require_free(before);
}

static void
test_fork_without_memory(void)
{
  uint64 before = ulib_memory();

  if(!on_quire())
    return;
  if(must_fork() == 0){
    take_all_memory();
    for(int i = 0; i < 20; i++){
      int pid = fork();
      if(pid == 0)
        exit(0);
      if(pid > 0)
        wait(0);
    }
    exit(0);
  }
  wait(0);
  require_free(before);
}

// Nothing is lost over many lives.
static void
test_no_leaks(void)
{
  char *argv[] = { "true", NULL };
  uint64 before = 0;

  if(!on_quire())
    return;
  for(int i = 0; i < 60; i++){
    if(i == 10)
      before = ulib_memory();
    if(must_fork() == 0){
      char *p = sbrk(MIB);
      if(p != SBRK_ERROR)
        memset(p, 1, MIB);
      if(i % 2)
        exec(program("true"), argv);
      exit(0);
    }
    wait_all(1);
  }
  require_free(before);
}

// ---- The disk ----

static void
set_number(char *digits, int n, int value)
{
  while(n-- > 0){
    digits[n] = '0' + value % 10;
    value /= 10;
  }
}

// A file of some MiB. => 0, or the error that ended it
static long
fill_file(const char *name)
{
  static char data[64 * 1024];
  long n = 0, fd = sys_open(name, O_CREAT | O_WRONLY, 0666);

  for(int i = 0; fd >= 0 && i < 64 && n >= 0; i++)
    n = sys_write(fd, data, sizeof(data));
  if(fd >= 0)
    sys_close(fd);
  return fd < 0 ? fd : n < 0 ? n : 0;
}

// => how many could be made
static int
make_small_files(int n)
{
  char name[] = "small00000";
  int made = 0;

  for(int i = 0; i < n; i++){
    set_number(name + 5, 5, i);
    long fd = sys_open(name, O_CREAT | O_WRONLY, 0666);
    if(fd < 0)
      continue;
    made += sys_write(fd, name, 10) == 10;
    sys_close(fd);
  }
  return made;
}

static void
test_disk_full(void)
{
  struct fs_stat before, after;
  struct list names = { 0 };
  char name[] = "full0000";
  long r = 0;

  if(!on_quire())
    return;
  require(sys_statfs(".", &before) == 0);
  for(int i = 0; i < 10000 && r == 0; i++){
    set_number(name + 4, 4, i);
    r = fill_file(name);
  }
  require(r == -ENOSPC);
  sys_mkdir("d", 0777);                // may fail, as may this
  make_small_files(100);
  require(directory_names(".", &names) == 0);
  for(size_t i = 0; i < names.n; i++)
    require(unlink(names.p[i]) == 0);
  sys_sync();
  require(sys_statfs(".", &after) == 0);
  require(after.bfree + TABLE_BLOCKS >= before.bfree);
}

static void
test_many_files(void)
{
  require(make_small_files(2000) == 2000);
}

const struct test limit_tests[] = {
  { "fork_until_failure", test_fork_until_failure },
  { "fork_bomb", test_fork_bomb },
  { "sbrk_until_failure", test_sbrk_until_failure },
  { "malloc_until_failure", test_malloc_until_failure },
  { "out_of_memory", test_out_of_memory },
  { "no_leaks", test_no_leaks },
  { "exec_without_memory", test_exec_without_memory, .slow = true },
  { "fork_without_memory", test_fork_without_memory, .slow = true },
  { "many_files", test_many_files, .slow = true },
  { "disk_full", test_disk_full, .slow = true },
  { 0 },
};
