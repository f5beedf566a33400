// SPDX-License-Identifier: MIT
//
// Back to life: children that take over what a checkpoint says of each process.  Numbers,
// groups and sessions are set up here, files and directory by ck_open.c, the rest by the
// kernel.
//
// All of them wait for one another four times: when they are there, when they are in their
// groups, when they could become what they are to be, and when those that only have an end
// left have come to it.  Then nothing can fail any more.  Until then, when one goes all go:
// each has a pipe to its parent, whose other end nobody else has, and all have pipes from the
// program.

#include "user/checkpoint.h"
#include "user/restore.h"
#include "user/user.h"

enum { NR_waitid = 95, P_PID = 1, WEXITED = 4, WNOWAIT = 0x1000000, SIG_SETMASK = 2 };

// What they wait for.
enum { BORN, JOINED, READY, ENDED, STEPS };

struct birth {
  const struct ck_process *p;    // NULL: only lends its number to a group
  uint pid, pgid;
  long parent;                   // which one, or -1
  uint session;                  // where it is to be born; 0: any
};

static struct {
  const struct checkpoint *newest;
  struct birth *all;
  size_t n;
  int *files, nfiles;            // of the chain
  struct text name;              // of the newest, for the kernel
  volatile uint *now;            // the numbers they have
  int go[STEPS];                 // from the program to all
  int up;                        // to the parent
  int *down;                     // from each child
  int outside;                   // the group of the program, or of the process it replaces
  bool stopped;
  long pid;                      // of the process whose place the first one takes, or 0
  int image;                     // of that
  uint64 clock;                  // CLOCK_MONOTONIC when this began
  bool early;                    // it has to be there before others are born
} r;

// ---- Who there was ----

static long
find_birth(uint pid)
{
  for(size_t i = 0; i < r.n; i++)
    if(r.all[i].pid == pid)
      return i;
  return -1;
}

static void
add_birth(const struct ck_process *p, uint pid, uint pgid, long parent, uint session)
{
  r.all = must_resize(r.all, (r.n + 1) * sizeof *r.all);
  r.all[r.n++] = (struct birth){ p, pid, pgid, parent, session };
}

// Who led a session may have had children before that.
static void
find_sessions(void)
{
  for(size_t i = r.n; i-- > 0;){
    struct birth *b = &r.all[i];
    if(b->p->sid != b->pid)
      b->session = b->p->sid;
    if(b->parent >= 0 && b->session != r.all[b->parent].pid && r.all[b->parent].session == 0)
      r.all[b->parent].session = b->session;
  }
}

// A group may be left without the one whose number it has: somebody must begin it.
static void
find_groups(void)
{
  for(size_t i = 1, n = r.n; i < n; i++){
    struct birth b = r.all[i];
    if(b.pgid != r.all[0].pgid && find_birth(b.pgid) < 0)
      add_birth(NULL, b.pgid, b.pgid, b.parent, b.session);
  }
}

// => false: that makes no sense
static bool
find_family(void)
{
  const struct ck_process *p = NULL;

  r.n = 0;
  while((p = record_next(r.newest, p, CK_PROCESS)) != NULL){
    long parent = r.n ? find_birth(p->ppid) : -1;
    if(r.n && parent < 0)
      return false;
    add_birth(p, p->pid, p->pgid, parent, 0);
  }
  if(r.n == 0 || !record_next(r.newest, NULL, CK_TASK))
    return false;
  find_sessions();
  find_groups();
  return true;
}

// ---- Waiting for one another ----

static bool
lives(const struct birth *b)
{
  return b->p && b->p->state != CK_ZOMBIE;
}

// The children first: then what is said is true of all below.
static void
wait_for_all(long me, int step)
{
  char c = 0;

  for(size_t i = 0; i < r.n; i++)
    if(r.all[i].parent == me && (step < ENDED || lives(&r.all[i])) &&
       sys_read(r.down[i], &c, 1) != 1)
      sys_exit(126);
  if(sys_write(r.up, &c, 1) != 1 || sys_read(r.go[step], &c, 1) != 1)
    sys_exit(126);
}

// ---- Becoming it ----

static void live(size_t me) __attribute__((noreturn));

// For a moment, unless it is taken for longer.
static bool
is_taken(uint pid)
{
  struct timespec pause = { 0, 10000000 };
  bool taken = false;

  for(int tries = 0; tries < 20 && (taken = sys_kill(pid, 0) == 0); tries++)
    sys_nanosleep(&pause, NULL);
  return taken;
}

// Numbers are given out in turn, so that it gets the one it had, unless somebody else is
// quicker: then once more.  If it is taken it gets one that none of the others had.
static long
fork_as(uint want)
{
  enum { TRIES = 20 };
  long last = (long)want - 1, pid;
  char c = 0;

  for(int tries = 0;; tries++){
    int sure[2];
    bool taken = tries == TRIES || is_taken(want);
    for(size_t i = 0; i < r.n && taken; i++)
      last = r.all[i].pid > last ? r.all[i].pid : last;
    if(sys_pipe(sure, O_CLOEXEC) < 0)
      return -EMFILE;
    setting_write("/proc/sys/kernel/ns_last_pid", last);
    pid = sys_fork();
    bool good = pid < 0 || pid == want || taken;
    if(pid > 0 && good)
      sys_write(sure[1], &c, 1);
    sys_close(sure[1]);
    if(pid == 0 && sys_read(sure[0], &c, 1) != 1)
      sys_exit(0);
    sys_close(sure[0]);
    if(pid == 0 || good)
      return pid;
    sys_wait(pid, NULL, 0);
  }
}

static void
bear(size_t i)
{
  int fd[2];

  pipe_up(fd);
  long pid = fork_as(r.all[i].pid);
  must("fork", pid);
  if(pid == 0){
    sys_close(fd[0]);
    sys_close(r.up);
    r.up = fd[1];
    live(i);
  }
  sys_close(fd[1]);
  r.down[i] = fd[0];
}

static void
bear_children(size_t me, bool in_session)
{
  for(size_t i = 0; i < r.n; i++)
    if(r.all[i].parent == (long)me && in_session == (r.all[i].session == r.all[me].pid))
      bear(i);
}

// => what only has to become it
static int
prepare(size_t me)
{
  static char why[CK_WHY];
  struct ck_plan plan = {
    .files = (uint64)r.files, .nfiles = r.nfiles, .why = (uint64)why, .room = sizeof why,
    .process = me, .clock = r.clock, .name = (uint64)r.name.s, .name_bytes = r.name.n,
  };
  plan.shared = (uint64)shared_memory(&plan.nshared);
  long fd = syscall1(NR_restore, (long)&plan);

  if(fd < 0){
    complain_as_before();
    warn("%s: %s", r.newest->path, why[0] ? why : error_text(fd));
    sys_exit(126);
  }
  return move_up(fd);
}

static void
join_group(const struct birth *b)
{
  long leader = find_birth(b->pgid);

  if(b->pgid != b->pid)
    must("its group", sys_setpgid(0, leader < 0 ? r.outside : (int)r.now[leader]));
}

// What comes from now on comes to it when it goes on.
static void
block_signals(uint64 set)
{
  syscall4(NR_rt_sigprocmask, SIG_SETMASK, (long)&set, 0, sizeof set);
}

static void __attribute__((noreturn))
end_as(const struct birth *b)
{
  struct sig_action act = { SIG_DFL, 0, 0 };
  int status = b->p ? (int)b->p->status : 0, sig = wait_signal(status);

  block_signals(0);
  if(sig){
    sys_sigaction(sig, &act, NULL);
    sys_kill(sys_getpid(), sig);
  }
  sys_exit(wait_code(status));
}

// Those of its children that have come to their end already; it has not been told of them.
static void
wait_for_ends(size_t me)
{
  for(size_t i = 0; i < r.n; i++)
    if(r.all[i].parent == (long)me && !lives(&r.all[i]))
      syscall6(NR_waitid, P_PID, r.now[i], 0, WEXITED | (r.all[i].p ? WNOWAIT : 0), 0, 0);
}

static void
start_timers(const struct ck_process *p)
{
  for(int i = 0; i < CK_TIMERS; i++){
    long left = (p->timers[i][0] + 999) / 1000, interval = (p->timers[i][1] + 999) / 1000;
    struct timer_value v = { interval / 1000000, interval % 1000000, left / 1000000,
                             left % 1000000 };
    while(p->timers[i][0] && sys_setitimer(i, &v) == -ENOMEM)
      sys_nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
  }
}

// From now on this is the process that was to be replaced, which keeps its group and session.
static void
take_place(void)
{
  block_signals(~0UL);
  must("its place", syscall3(NR_become, r.image, 0, 0));
}

static void
live(size_t me)
{
  const struct birth *b = &r.all[me];
  bool replaces = me == 0 && r.pid;

  r.now[me] = replaces ? r.pid : sys_getpid();
  bear_children(me, false);
  if(!replaces && b->p && b->p->sid == b->pid)
    must("its session", sys_setsid());
  bear_children(me, true);
  if(!replaces && b->pgid == b->pid && !(b->p && b->p->sid == b->pid))
    must("its group", sys_setpgid(0, 0));
  wait_for_all(me, BORN);
  if(!replaces)
    join_group(b);
  wait_for_all(me, JOINED);        // a group goes with the first that fails
  if(lives(b))
    take_files(b->p);
  int fd = lives(b) ? prepare(me) : -1;
  wait_for_all(me, READY);
  if(!lives(b))
    end_as(b);
  wait_for_ends(me);
  wait_for_all(me, ENDED);
  block_signals(~0UL);
  if(replaces && !r.early)
    take_place();
  start_timers(b->p);
  uint64 how = r.stopped ? CK_STOP | (me == 0 && !replaces ? CK_TELL : 0) :
               me > 0 && b->p->state == CK_STOPPED ? CK_STOP : 0;
  syscall3(NR_become, fd, ours(), how);
  sys_exit(126);
}

// ---- All of them ----

// The first prepares what they share.
static void __attribute__((noreturn))
live_first(const struct chain *c)
{
  keep_clear(r.newest);
  for(int step = 0; step < STEPS; step++)
    r.go[step] = move_up(r.go[step]);
  r.up = move_up(r.up);
  if(r.pid)
    r.image = move_up(r.image);
  r.files = must_malloc(c->files.n * sizeof *r.files);
  for(r.nfiles = 0; r.nfiles < (int)c->files.n; r.nfiles++)
    r.files[r.nfiles] = move_up(((struct checkpoint *)c->files.p[r.nfiles])->fd);
  r.down = must_malloc(r.n * sizeof *r.down);
  open_all();
  live(0);
}

// => false: one of them is gone
static bool
lead(int up, int go, int step)
{
  char c = 0;

  if(sys_read(up, &c, 1) != 1)
    return false;
  for(size_t i = 0; i < r.n; i++)
    if(step < ENDED || lives(&r.all[i]))
      sys_write(go, &c, 1);
  return true;
}

static void
tell_numbers(void)
{
  for(size_t i = 0; i < r.n; i++)
    if(r.all[i].p && r.now[i] != r.all[i].pid)
      warn("there is a process %d; this one is %d now", r.all[i].pid, r.now[i]);
}

// Who led a group is in front of the terminal if the program was.
static void
give_terminal(void)
{
  struct sig_action ignore = { SIG_IGN, 0, 0 }, old;
  int front = 0, group = r.now[0];

  if(r.pid || r.all[0].pgid != r.all[0].pid || sys_ioctl(0, TIOCGPGRP, &front) < 0 ||
     front != r.outside)
    return;
  sys_sigaction(SIGTTOU, &ignore, &old);
  sys_ioctl(0, TIOCSPGRP, &group);
  sys_sigaction(SIGTTOU, &old, NULL);
}

static bool
lead_all(int up, const int *go)
{
  if(!lead(up, go[BORN], BORN))
    return false;
  tell_numbers();
  if(!lead(up, go[JOINED], JOINED) || !lead(up, go[READY], READY))
    return false;
  give_terminal();
  return lead(up, go[ENDED], ENDED);
}

// Children that it had have ended: their numbers may be needed.
static void
replace_early(void)
{
  int status;

  take_place();
  while(r.n > 1 && sys_wait(-1, &status, 0) > 0)
    ;
}

static long
restore_all(const struct chain *c)
{
  int go[STEPS], ends[2], status;
  long error = 0;

  for(int step = 0; step < STEPS && error == 0; step++){
    error = sys_pipe(ends, O_CLOEXEC);
    r.go[step] = ends[0];
    go[step] = ends[1];
  }
  if(error == 0)
    error = sys_pipe(ends, O_CLOEXEC);
  if(error)
    return error;
  r.up = ends[1];
  long pid = r.pid ? sys_fork() : fork_as(r.all[0].pid);
  if(pid == 0){
    for(int step = 0; step < STEPS; step++)
      sys_close(go[step]);
    sys_close(ends[0]);
    if(r.early)
      replace_early();
    live_first(c);
  }
  for(int step = 0; step < STEPS; step++)
    sys_close(r.go[step]);
  sys_close(r.up);
  bool good = pid > 0 && lead_all(ends[0], go);
  for(int step = 0; step < STEPS; step++)
    sys_close(go[step]);
  if(r.pid && pid > 0){          // whoever is to end does so now; what lives has closed it
    char c;
    sys_wait(pid, &status, 0);
    while(good && sys_read(ends[0], &c, 1) > 0)
      ;
    good &= status == 0;
    pid = good ? r.pid : -ECHILD;
  }
  sys_close(ends[0]);
  if(!r.pid && pid > 0 && (!good || r.stopped) &&
     (sys_wait(pid, &status, WUNTRACED) != pid || !wait_stopped(status)))
    return -ECHILD;
  return pid;
}

long
chain_restore(struct chain *c, bool stopped)
{
  return chain_rewind(c, 0, -1, stopped);
}

long
chain_rewind(struct chain *c, long pid, int image, bool stopped)
{
  memset(&r, 0, sizeof r);
  r.newest = c->files.p[0];
  r.stopped = stopped;
  r.outside = sys_getpgid(pid);
  r.pid = pid;
  r.image = image;
  r.clock = now_ns();
  if(!find_family()){
    warn("%s says nothing of a process", r.newest->path);
    return -EINVAL;
  }
  r.early = pid && (r.n > 1 || record_next(r.newest, NULL, CK_LOCK));
  name_for_kernel(&r.name, r.newest, r.newest->path);
  out_flush();
  long at = share(r.n * sizeof *r.now);
  r.now = (uint *)at;
  pid = at < 0 ? at : restore_all(c);
  if(pid < 0 && pid != -ECHILD)
    warn_error(r.newest->path, pid);
  if(at > 0)
    sys_munmap((void *)at, r.n * sizeof *r.now);
  free(r.all);
  text_free(&r.name);
  return pid;
}

int
restored_wait(long pid)
{
  int status;
  long r;

  do
    r = sys_wait(pid, &status, 0);
  while(r == -EINTR);
  return r < 0 ? 1 : wait_signal(status) ? 128 + wait_signal(status) : wait_code(status);
}
