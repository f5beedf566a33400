// SPDX-License-Identifier: MIT
//
// kin ROUNDS [FILE]: relatives that compute together.  Each round a number goes through pipes
// from the first of them by a child, a grandchild and back, and each mixes it with what it
// finds in memory that all share.  Of the lines that are written for every round, in turn by
// all of them, into one open file, none may be missing, and none come twice.  With FILE it
// waits half-way until there is FILE.go.
//
// Besides there are a child that is stopped, one in a session and one in a group of its own,
// and one that has ended; in the end each must be what it was.

#include "user/abi.h"
#include "user/require.h"
#include "user/sys.h"
#include "user/ulib.h"
#include "user/user.h"
#include "mix.h"

enum { RING = 3, WORDS = 4096, DEEP = 5000, ENDED = 42, NR_getsid = 156 };

static uint64 *shared;
static int rounds, ring[RING][2];
static long out_file = 1;

static void
tell(int who, uint64 h)
{
  struct text line = { 0 };

  text_format(&line, "%d %lx\n", who, h);
  require(write_all(out_file, line.s, line.n) == 0);
  text_free(&line);
}

static uint64
step(int who, uint64 h)
{
  for(int i = 0; i < DEEP; i++){
    uint64 *at = &shared[mix(h + i) % WORDS];
    *at = h = mix(h ^ *at ^ who);
  }
  tell(who, h);
  return h;
}

static uint64
take(int who)
{
  uint64 h;
  require(sys_read(ring[who][0], &h, sizeof h) == sizeof h);
  return h;
}

static void
pass(int who, uint64 h)
{
  require(sys_write(ring[(who + 1) % RING][1], &h, sizeof h) == sizeof h);
}

// The second and the third one.  => never
static void
relative(int who)
{
  long child = who + 1 < RING ? sys_fork() : 0;
  int status = 0;

  if(child == 0 && who + 1 < RING)
    relative(who + 1);
  for(int i = 0; i < rounds; i++)
    pass(who, step(who, take(who)));
  if(child)
    require(sys_wait(child, &status, 0) == child && status == 0);
  sys_exit(0);
}

static void
wait_for(const char *path)
{
  struct timespec nap = { 0, 1000000 };
  struct kstat st;

  while(sys_stat(path, &st) < 0)
    sys_nanosleep(&nap, NULL);
}

static uint64
lead(const char *go)
{
  uint64 h = 1;

  for(int i = 0; i < rounds; i++){
    pass(0, step(0, h));
    h = take(0);
    if(go && i == rounds / 2)
      wait_for(go);
  }
  return h;
}

// ---- The others ----

static long
idle_child(void (*first)(void))
{
  struct timespec nap = { 1000, 0 };
  long pid = sys_fork();

  require(pid >= 0);
  if(pid == 0){
    first();
    for(;;)
      sys_nanosleep(&nap, NULL);
  }
  return pid;
}

static void own_session(void) { sys_setsid(); }
static void own_group(void) { sys_setpgid(0, 0); }
static void stop(void) { sys_kill(sys_getpid(), SIGSTOP); }
static void finish(void) { sys_exit(ENDED); }

static char
state_of(long pid)
{
  struct process *p = process_read(pid);
  char state = p ? p->state : 0;

  if(p)
    process_free(p);
  return state;
}

static void
wait_state(long pid, char state)
{
  struct timespec nap = { 0, 1000000 };

  while(state_of(pid) != state)
    sys_nanosleep(&nap, NULL);
}

static void
end(long pid)
{
  int status;

  sys_kill(pid, SIGKILL);
  require(sys_wait(pid, &status, 0) == pid && wait_signal(status) == SIGKILL);
}

int
main(int argc, char **argv)
{
  const char *go = NULL;
  struct text name = { 0 };
  int status;

  rounds = argc > 1 ? atoi(argv[1]) : 0;
  if(argc > 2){
    out_file = sys_open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    text_format(&name, "%s.go", argv[2]);
    go = name.s;
  }
  require(rounds > 0 && out_file > 0);
  shared = mmap(NULL, WORDS * sizeof *shared, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(shared != (void *)-1);
  for(int i = 0; i < RING; i++)
    require(sys_pipe(ring[i], 0) == 0);
  long session = idle_child(own_session), group = idle_child(own_group);
  long stopped = idle_child(stop), ended = idle_child(finish);
  wait_state(stopped, 'T');
  wait_state(ended, 'Z');
  while(syscall1(NR_getsid, session) != session || sys_getpgid(group) != group)
    sys_yield();
  long child = sys_fork();
  require(child >= 0);
  if(child == 0)
    relative(1);
  uint64 h = lead(go);
  require(sys_wait(child, &status, 0) == child && status == 0);
  require(syscall1(NR_getsid, session) == session && sys_getpgid(group) == group);
  require(state_of(stopped) == 'T' && state_of(ended) == 'Z');
  end(session);
  end(group);
  require(sys_wait(stopped, &status, WUNTRACED) == stopped && wait_stopped(status) == SIGSTOP);
  end(stopped);
  require(sys_wait(ended, &status, 0) == ended && wait_code(status) == ENDED);
  require(sys_wait(-1, &status, 0) == -ECHILD);
  printf("kin: %d rounds, %lx\n", rounds, h);
  return 0;
}
