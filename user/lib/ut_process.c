// SPDX-License-Identifier: MIT
//
// usertests: fork, exit, wait, kill, time, and who runs when.

#include "user/usertest.h"

static void
exit_with(void *status)
{
  exit((long)status);
}

static void
test_exit_status(void)
{
  for(long i = 0; i < 128; i++)
    require(status_of(exit_with, (void *)i) == i);
  require(status_of(exit_with, (void *)-1) == -1);
}

static void
test_wait_none(void)
{
  int status;
  require(wait(&status) == -1);
  require(sys_wait(-1, &status, WNOHANG) == -ECHILD);
}

static void
test_wait_pid(void)
{
  int first = must_fork(), second, status;

  if(first == 0)
    exit(1);
  second = must_fork();
  if(second == 0)
    exit(2);
  require(sys_wait(second, &status, 0) == second && wait_code(status) == 2);
  require(sys_wait(first, &status, 0) == first && wait_code(status) == 1);
  require(sys_wait(first, &status, 0) == -ECHILD);
}

static void
test_wait_nohang(void)
{
  int fds[2], status, pid;

  require(pipe(fds) == 0);
  pid = must_fork();
  if(pid == 0){
    char c;
    read(fds[0], &c, 1);
    exit(0);
  }
  require(sys_wait(-1, &status, WNOHANG) == 0);
  require(write(fds[1], "x", 1) == 1);
  require(wait(&status) == pid && status == 0);
}

static void
test_exit_wait(void)
{
  for(int i = 0; i < 200; i++){
    int status, pid = must_fork();
    if(pid == 0)
      exit(i % 100);
    require(wait(&status) == pid && status == i % 100);
  }
}

static void
test_two_children(void)
{
  for(int i = 0; i < 200; i++){
    if(must_fork() == 0)
      exit(0);
    if(must_fork() == 0)
      exit(0);
    wait_all(2);
  }
}

// Children that fork while their siblings do.
static void
test_fork_storm(void)
{
  for(int i = 0; i < 3; i++)
    if(must_fork() == 0){
      for(int j = 0; j < 60; j++){
        if(must_fork() == 0)
          exit(0);
        wait_all(1);
      }
      exit(0);
    }
  wait_all(3);
}

static void
test_fork_tree(void)
{
  int depth = 0, children = 0;

  while(depth < 5 && children < 2){
    if(must_fork() == 0){
      depth++;
      children = 0;
    } else {
      children++;
    }
  }
  wait_all(children);
}

// An orphan gets another parent, which collects it.
static void
test_orphan(void)
{
  int fds[2], pid, status;
  char c;

  require(pipe(fds) == 0);
  pid = must_fork();
  if(pid == 0){
    int parent = getpid();
    if(must_fork() > 0)
      exit(0);
    while(sys_getppid() == parent)
      pause(1);
    require(write(fds[1], "o", 1) == 1);
    exit(0);
  }
  close(fds[1]);
  require(wait(&status) == pid && status == 0);
  require(read(fds[0], &c, 1) == 1 && c == 'o');
  require(wait(0) == -1);
}

static void
test_many_orphans(void)
{
  for(int i = 0; i < 100; i++)
    if(must_fork() == 0){
      must_fork();
      must_fork();
      exit(0);
    } else {
      wait_all(1);
    }
}

// ---- Kill ----

static void
spin(void)
{
  for(;;)
    __asm__ volatile("");
}

static void
test_kill_spinning(void)
{
  for(int i = 0; i < 20; i++){
    int status, pid = must_fork();
    if(pid == 0)
      spin();
    if(i % 2)
      sys_yield();
    require(kill(pid) == 0);
    require(wait(&status) == pid && status == -1);
  }
}

static void
test_kill_sleeping(void)
{
  int fds[2], status;

  require(pipe(fds) == 0);
  for(int i = 0; i < 20; i++){
    int pid = must_fork();
    char c;
    if(pid == 0){
      if(i % 2)
        pause(10000);
      read(fds[0], &c, 1);
      exit(0);
    }
    pause(i % 3);
    require(kill(pid) == 0);
    require(wait(&status) == pid && status == -1);
  }
}

static void
test_kill_waiting(void)
{
  int status, pid = must_fork();

  if(pid == 0){
    int parent = getpid();
    if(must_fork() == 0){
      while(sys_getppid() == parent)
        pause(1);
      exit(0);
    }
    wait(0);
    exit(0);
  }
  pause(2);
  require(kill(pid) == 0);
  require(wait(&status) == pid && status == -1);
}

static void
test_kill_nobody(void)
{
  int status, pid = must_fork();

  if(pid == 0)
    exit(0);
  require(wait(&status) == pid);
  require(kill(pid) == -1);
  require(kill(0) == -1 && kill(-1) == -1);
  require(sys_kill(pid, SIGTERM) == -ESRCH);
  require(sys_kill(getpid(), 1000) == -EINVAL);
  require(sys_kill(getpid(), 0) == 0);
}

static void
test_kill_signals(void)
{
  static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGSEGV, SIGUSR1, SIGKILL };

  for(size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++){
    int status, pid = must_fork();
    if(pid == 0)
      pause(10000);
    require(sys_kill(pid, signals[i]) == 0);
    require(sys_wait(pid, &status, 0) == pid);
    require(wait_signal(status) == signals[i]);
  }
}

static void
test_kill_group(void)
{
  int fds[2], group = 0, status;
  char c;

  require(pipe(fds) == 0);
  for(int i = 0; i < 3; i++){
    int pid = must_fork();
    if(pid == 0){
      close(fds[1]);                     // who leaves our group ends with us nevertheless
      read(fds[0], &c, 1);
      exit(0);
    }
    require(sys_setpgid(pid, group) == 0);
    if(!group)
      group = pid;
  }
  require(sys_getpgid(group) == group);
  require(sys_kill(-group, SIGTERM) == 0);
  for(int i = 0; i < 3; i++)
    require(wait(&status) > 0 && status == -1);
}

static void
test_stop_continue(void)
{
  int fds[2], status, pid;
  char c;

  require(pipe(fds) == 0);
  pid = must_fork();
  if(pid == 0)
    for(;;){
      pause(1);
      if(write(fds[1], "x", 1) != 1)
        exit(1);
    }
  require(read(fds[0], &c, 1) == 1);
  require(sys_kill(pid, SIGSTOP) == 0);
  require(sys_wait(pid, &status, WUNTRACED) == pid && (status & 0xff) == 0x7f);
  require(sys_kill(pid, SIGCONT) == 0);
  for(int i = 0; i < 4; i++)
    require(read(fds[0], &c, 1) == 1);
  require(kill(pid) == 0);
  require(wait(&status) == pid && status == -1);
}

// ---- Time ----

static void
test_time(void)
{
  struct timespec a, b, half = { 0, 50000000 };
  int before = uptime();

  pause(5);
  require(uptime() - before >= 5 && uptime() - before < 50);
  require(sys_clock(CLOCK_MONOTONIC, &a) == 0);
  require(sys_nanosleep(&half, NULL) == 0);
  require(sys_clock(CLOCK_MONOTONIC, &b) == 0);
  long ns = (b.sec - a.sec) * 1000000000 + b.nsec - a.nsec;
  require(ns >= half.nsec);
  uint64 t = r_time();
  pause(1);
  require(r_time() > t);
}

// Programs that never wait do not keep others from running.
static void
test_preempt(void)
{
  int pids[4], status, progress = 0;

  for(int i = 0; i < 4; i++){
    pids[i] = must_fork();
    if(pids[i] == 0)
      spin();
  }
  for(int i = 0; i < 5; i++){
    pause(1);
    progress++;
  }
  for(int i = 0; i < 4; i++)
    require(kill(pids[i]) == 0);
  for(int i = 0; i < 4; i++)
    require(wait(&status) > 0 && status == -1);
  require(progress == 5);
}

// Floating-point registers belong to their process.
static void
test_float(void)
{
  for(int k = 0; k < 4; k++)
    if(must_fork() == 0){
      volatile double sum = k;
      for(int i = 0; i < 200000; i++){
        sum = sum + 0.5;
        if(i % 20000 == 0)
          sys_yield();
      }
      require(sum == k + 100000.0);
      exit(0);
    }
  wait_all(4);
}

static void
test_session(void)
{
  int status, pid = must_fork();

  if(pid == 0){
    require(sys_setsid() == getpid());
    require(sys_getpgid(0) == getpid());
    require(sys_setsid() == -EPERM);
    exit(0);
  }
  require(wait(&status) == pid && status == 0);
}

const struct test process_tests[] = {
  { "exit_status", test_exit_status },
  { "wait_none", test_wait_none },
  { "wait_pid", test_wait_pid },
  { "wait_nohang", test_wait_nohang },
  { "exit_wait", test_exit_wait },
  { "two_children", test_two_children },
  { "fork_storm", test_fork_storm },
  { "fork_tree", test_fork_tree },
  { "orphan", test_orphan },
  { "many_orphans", test_many_orphans },
  { "kill_spinning", test_kill_spinning },
  { "kill_sleeping", test_kill_sleeping },
  { "kill_waiting", test_kill_waiting },
  { "kill_nobody", test_kill_nobody },
  { "kill_signals", test_kill_signals },
  { "kill_group", test_kill_group },
  { "stop_continue", test_stop_continue },
  { "time", test_time },
  { "preempt", test_preempt },
  { "float", test_float },
  { "session", test_session },
  { 0 },
};
