// SPDX-License-Identifier: MIT
//
// cowtest: copy-on-write.  Ends with ALL COW TESTS PASSED, or at the first thing
// that is not so, with status 1.

#include "kernel/riscv.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { MIB = 1024 * 1024 };

// Fresh pages, page aligned.
static char *
take(uint64 n)
{
  char *p;

  require(sbrk(PGSIZE - (int)((uint64)sbrk(0) % PGSIZE)) != SBRK_ERROR);
  p = sbrk(n);
  require(p != SBRK_ERROR);
  return p;
}

static void
mark(char *p, uint64 n, int value)
{
  for(uint64 i = 0; i < n; i += PGSIZE)
    *(int *)(p + i) = value + i / PGSIZE;
}

static bool
is_marked(const char *p, uint64 n, int value)
{
  for(uint64 i = 0; i < n; i += PGSIZE)
    if(*(int *)(p + i) != (int)(value + i / PGSIZE))
      return false;
  return true;
}

// Two thirds of memory cannot be there twice: fork must not copy.
static void
test_simple(void)
{
  uint64 n = ulib_memory() / 3 * 2 / PGSIZE * PGSIZE;
  char *p;

  if(n > 512UL * MIB)
    n = 512UL * MIB;
  p = take(n);
  for(uint64 i = 0; i < n; i += PGSIZE)
    *(int *)(p + i) = getpid();
  if(must_fork() == 0)
    exit(0);
  wait_all(1);
  require(sbrk(-(int)n) != SBRK_ERROR);
}

// Parent, child and grandchild write the same quarter of memory.
static void
test_three(void)
{
  uint64 n = ulib_memory() / 4 / PGSIZE * PGSIZE;
  char *p;

  if(n > 128UL * MIB)
    n = 128UL * MIB;
  p = take(n);
  mark(p, n, 1000);
  if(must_fork() == 0){
    if(must_fork() == 0){
      mark(p, n / 5 * 4 / PGSIZE * PGSIZE, 2000);
      require(is_marked(p, n / 5 * 4 / PGSIZE * PGSIZE, 2000));
      exit(0);
    }
    mark(p, n / 2 / PGSIZE * PGSIZE, 3000);
    require(is_marked(p, n / 2 / PGSIZE * PGSIZE, 3000));
    wait_all(1);
    require(is_marked(p, n / 2 / PGSIZE * PGSIZE, 3000));
    exit(0);
  }
  require(is_marked(p, n, 1000));
  wait_all(1);
  require(is_marked(p, n, 1000));
  require(sbrk(-(int)n) != SBRK_ERROR);
}

// The kernel itself writes to shared pages: read(), pipe().
static void
test_file(void)
{
  static char buf[2 * PGSIZE];
  static int fds[2];

  buf[0] = 99;
  for(int i = 0; i < 4; i++){
    require(pipe(fds) == 0);
    if(must_fork() == 0){
      pause(1);
      require(read(fds[0], buf + PGSIZE - 2, sizeof(i)) == sizeof(i));
      require(*(int *)(buf + PGSIZE - 2) == i);
      int own[2];
      require(pipe(own) == 0);
      exit(0);
    }
    require(write(fds[1], &i, sizeof(i)) == sizeof(i));
    wait_all(1);
    require(buf[0] == 99 && buf[PGSIZE] == 0);
    close(fds[0]);
    close(fds[1]);
  }
}

// Many children share every page; each sees only its own stores, in any order
// of stores and deaths.
static void
test_many_children(void)
{
  enum { CHILDREN = 30, SIZE = 32 * PGSIZE };
  char *p = take(SIZE);

  mark(p, SIZE, 7);
  for(int k = 0; k < CHILDREN; k++)
    if(must_fork() == 0){
      if(k % 3 == 0)
        exit(0);
      mark(p + k % 32 * PGSIZE, PGSIZE, 100 + k);
      sys_yield();
      for(int i = 0; i < 32; i++)
        require(is_marked(p + i * PGSIZE, PGSIZE, i == k % 32 ? 100 + k : 7 + i));
      mark(p, SIZE, 10000 * k);
      require(is_marked(p, SIZE, 10000 * k));
      exit(0);
    }
  require(is_marked(p, SIZE, 7));
  mark(p, SIZE, 8);
  wait_all(CHILDREN);
  require(is_marked(p, SIZE, 8));
  require(sbrk(-SIZE) != SBRK_ERROR);
}

// One page in many hands, which let go one by one; the last one owns it again.  (Not in as many
// as there can be: others that run beside want to fork, too.)
static void
test_share_count(void)
{
  enum { MOST = 100 };
  volatile int *p = (int *)take(PGSIZE);
  int fds[2], n = 0, pid = 0;
  char c;

  *p = 1;
  require(pipe(fds) == 0);
  while(n < MOST && (pid = fork()) > 0)
    n++;
  if(n < MOST && pid == 0){
    require(read(fds[0], &c, 1) == 1);
    require(*p == 1);
    *p = getpid();
    require(*p == getpid());
    exit(0);
  }
  require(n > 0 && *p == 1);
  for(int i = 0; i < n; i++)
    require(write(fds[1], "x", 1) == 1);
  wait_all(n);
  require(*p == 1);
  *p = 2;
  require(*p == 2);
  close(fds[0]);
  close(fds[1]);
}

// Generations: each child forks the next and writes after it.
static void
test_chain(void)
{
  enum { DEPTH = 40, SIZE = 16 * PGSIZE };
  char *p = take(SIZE);
  int depth = 0;

  mark(p, SIZE, 0);
  while(depth < DEPTH && must_fork() == 0){
    depth++;
    require(is_marked(p, SIZE, (depth - 1) * 50));
    mark(p, SIZE, depth * 50);
  }
  if(depth < DEPTH)
    wait_all(1);
  require(is_marked(p, SIZE, depth * 50));
  if(depth > 0)
    exit(0);
  require(sbrk(-SIZE) != SBRK_ERROR);
}

// The child goes on with what its parent had, after that wrote and ended.
static void
test_parent_gone(void)
{
  enum { SIZE = 64 * PGSIZE };
  char *p = take(SIZE);
  int fds[2], answer[2];
  char c;

  require(pipe(fds) == 0 && pipe(answer) == 0);
  mark(p, SIZE, 5);
  if(must_fork() == 0){
    if(must_fork() == 0){
      close(fds[1]);
      require(read(fds[0], &c, 1) == 0);
      c = is_marked(p, SIZE, 5);
      mark(p, SIZE, 6);
      c = c && is_marked(p, SIZE, 6);
      require(write(answer[1], &c, 1) == 1);
      exit(0);
    }
    mark(p, SIZE, 9);
    exit(0);
  }
  wait_all(1);
  mark(p, SIZE, 10);
  close(fds[1]);
  require(read(answer[0], &c, 1) == 1 && c);
  require(is_marked(p, SIZE, 10));
  close(fds[0]);
  close(answer[0]);
  close(answer[1]);
}

// The stack and the data of the program are shared and copied like the heap.
static void
test_stack_and_data(void)
{
  static volatile int data[3 * PGSIZE / 4] = { 1 };
  volatile int frame[3 * PGSIZE / 4];

  for(int i = 0; i < 3 * PGSIZE / 4; i += 100)
    frame[i] = data[i] = i;
  for(int k = 0; k < 4; k++)
    if(must_fork() == 0){
      for(int i = 0; i < 3 * PGSIZE / 4; i += 100){
        require(frame[i] == i && data[i] == i);
        frame[i] = data[i] = i + k + 1;
      }
      sys_yield();
      for(int i = 0; i < 3 * PGSIZE / 4; i += 100)
        require(frame[i] == i + k + 1 && data[i] == i + k + 1);
      exit(0);
    }
  wait_all(4);
  for(int i = 0; i < 3 * PGSIZE / 4; i += 100)
    require(frame[i] == i && data[i] == i);
}

// Advice about a page cuts an area in two, in the middle of a table that parent and
// child may hold in common.
static void
test_advice(void)
{
  enum { MADV_DONTFORK = 10, MADV_DOFORK = 11 };
  uint64 n = 8 * MIB, middle = 3 * MIB + PGSIZE;
  char *p = take(n);

  mark(p, n, 700);
  if(must_fork() == 0){
    require(sys_madvise(p + middle, PGSIZE, MADV_DONTFORK) == 0);
    exit(0);                     // without a touch that would make the table its own
  }
  require(sys_madvise(p + middle, PGSIZE, MADV_DONTFORK) == 0);
  wait_all(1);
  require(sys_madvise(p, n, MADV_DOFORK) == 0);
  require(is_marked(p, n, 700));
  require(sbrk(-(int)n) != SBRK_ERROR);
}

int
main(void)
{
  static const struct {
    const char *name;
    void (*run)(void);
  } tests[] = {
    { "simple", test_simple }, { "simple again", test_simple },
    { "three", test_three }, { "three again", test_three },
    { "file", test_file }, { "many children", test_many_children },
    { "share count", test_share_count }, { "chain", test_chain },
    { "parent gone", test_parent_gone }, { "stack and data", test_stack_and_data },
    { "advice", test_advice },
  };

  for(size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++){
    printf("%s: ", tests[i].name);
    tests[i].run();
    printf("ok\n");
  }
  printf("ALL COW TESTS PASSED\n");
  return 0;
}
