// SPDX-License-Identifier: MIT
//
// Rows: system calls, switches, and the life of processes.

#include "bench.h"

// ---- A system call that does nothing ----

// All arguments are given, as by a C library's syscall().
static bool
null_pass(uint64 n)
{
  uint64 parent = sys_getppid(), sum = 0;
  for(uint64 i = 0; i < n; i++)
    sum += syscall6(NR_getppid, 0, 0, 0, 0, 0, 0);
  return sum == n * parent;
}

void
null_syscall(void)
{
  measure("null_syscall", "call", null_pass, 2000 * scale);
}

// ---- A byte to another process and an answer back ----

static int there[2], back[2];

static void
answer(void)
{
  uchar c;
  sys_close(there[1]);
  sys_close(back[0]);
  while(sys_read(there[0], &c, 1) == 1){
    c += 3;
    sys_write(back[1], &c, 1);
  }
  sys_exit(0);
}

static bool
pipe_pass(uint64 n)
{
  uint64 wrong = 0;
  for(uint64 i = 0; i < n; i++){
    uchar c = i;
    if(sys_write(there[1], &c, 1) != 1 || sys_read(back[0], &c, 1) != 1)
      return false;
    wrong += c != (uchar)(i + 3);
  }
  return wrong == 0;
}

void
pipe_pingpong(void)
{
  long err = sys_pipe(there, 0);
  if(err == 0)
    err = sys_pipe(back, 0);
  if(err){
    cannot("pipe_pingpong", "pipe", err);
    return;
  }
  long pid = sys_fork();
  if(pid == 0)
    answer();
  sys_close(there[0]);
  sys_close(back[1]);
  if(pid < 0)
    cannot("pipe_pingpong", "fork", pid);
  else
    measure("pipe_pingpong", "round trip", pipe_pass, 500 * scale);
  sys_close(there[1]);
  sys_close(back[0]);
  sys_wait(-1, NULL, 0);
}

// ---- Two processes that hand a token to each other and yield meanwhile ----

struct token {
  volatile uint64 value;       // 0: the other's turn is over
  volatile uint64 yields, sum; // the taker's
};

static struct token *token;
static uint64 yields;

static void
take_tokens(uint64 n)
{
  for(uint64 i = 0; i < n; i++){
    while(token->value == 0){
      sys_yield();
      token->yields++;
    }
    token->sum += token->value;
    token->value = 0;
  }
  sys_exit(0);
}

static bool
token_pass(uint64 switches)
{
  for(uint64 i = 0; i < switches / 2; i++){
    token->value = i + 1;
    while(token->value != 0){
      sys_yield();
      yields++;
    }
  }
  return true;
}

// A switch is never more than the yields make: they must agree at one hart.
void
ctx_yield(void)
{
  uint64 n = 500 * scale;
  token = (struct token *)pages("ctx_yield", PAGE, MAP_SHARED | MAP_ANONYMOUS);
  if(!token)
    return;
  *token = (struct token){ 0 };
  long pid = sys_fork();
  if(pid == 0)
    take_tokens(2 * n);
  if(pid < 0){
    cannot("ctx_yield", "fork", pid);
  } else {
    token_pass(2 * n);
    CLOCK_RESET(0);
    CLOCK_RUN(0);
    token_pass(2 * n);
    CLOCK_STOP(0);
    int status = -1;
    sys_wait(-1, &status, 0);
    result("ctx_yield", 2 * n, "switch", status == 0 && token->sum == n * (n + 1));
  }
  sys_munmap(token, PAGE);
}

// ---- A child that ends at once, of parents of several sizes ----

static uchar *region;          // that the parent has touched, or NULL

// The child's status tells its turn, and whether it sees the parent's memory.
static bool
fork_pass(uint64 n)
{
  enum { STATUSES = 100 };
  uint64 wrong = 0;
  for(uint64 i = 0; i < n; i++){
    int status = -1;
    long pid = sys_fork();
    if(pid < 0)
      return false;
    if(pid == 0)
      sys_exit(i % STATUSES + (region && region[PAGE] != tag_of(1)));
    sys_wait(-1, &status, 0);
    wrong += status != (int)(i % STATUSES) << 8;
  }
  return wrong == 0;
}

void
fork_exit_small(void)
{
  measure("fork_exit_small", "process", fork_pass, 100 * scale);
}

static void
fork_exit_with(const char *row, uint64 bytes, uint64 n)
{
  region = pages(row, bytes, MAP_PRIVATE | MAP_ANONYMOUS);
  if(!region)
    return;
  touch_each(region, bytes);
  measure(row, "process", fork_pass, n);
  sys_munmap(region, bytes);
  region = NULL;
}

void
fork_exit_16m(void)
{
  fork_exit_with("fork_exit_16m", 16 * MIB, 2 * ROUNDS * scale);
}

void
fork_exit_64m(void)
{
  fork_exit_with("fork_exit_64m", 64 * MIB, ROUNDS);
}

// ---- A child that executes this program, which then ends at once ----

// An execve that fails must not look like one that works.
static bool
exec_pass(uint64 n)
{
  static char *argv[] = { "bench", "nothing", NULL }, *env[] = { NULL };
  uint64 wrong = 0;
  for(uint64 i = 0; i < n; i++){
    int status = -1;
    long pid = sys_fork();
    if(pid < 0)
      return false;
    if(pid == 0){
      sys_execve(self, argv, env);
      sys_exit(EXEC_STATUS + 1);
    }
    sys_wait(-1, &status, 0);
    wrong += status != EXEC_STATUS << 8;
  }
  return wrong == 0;
}

void
fork_exec_exit(void)
{
  measure("fork_exec_exit", "process", exec_pass, 50 * scale);
}
