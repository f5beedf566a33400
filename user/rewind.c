// SPDX-License-Identifier: MIT
//
// rewind: put a process back to one of its last checkpoints: the newest (1) or one of those
// that this adds to; or to the newest for which a command succeeds.

#include "user/checkpoint.h"
#include "user/user.h"

// The checkpoints of the process, the newest first. => false after a complaint
static bool
find_all(struct chain *c, long pid)
{
  const char *why, *last = process_saved_as(pid, &why);

  if(last)
    why = chain_open(c, last);
  if(why)
    warn("%s", why);
  return why == NULL;
}

// => false after a complaint
static bool
open_whole(struct chain *c, const char *path)
{
  const char *why = chain_open(c, path);

  if(!why && (why = chain_check(c)) != NULL)
    chain_close(c);
  if(why)
    warn("%s", why);
  return why == NULL;
}

// => the number of another one, stopped; or negative after a complaint
static long
try(const char *path)
{
  struct chain c;

  if(!open_whole(&c, path))
    return -EINVAL;
  long pid = chain_restore(&c, true);
  chain_close(&c);
  return pid;
}

// To all of its descendants that run; in a file: if they did then.  => were there any?
static bool
signal_children(long pid, int sig, const struct checkpoint *file)
{
  const struct ck_process *p, *then;
  struct checkpoint now;
  bool any = false;

  if(look_at(pid, CK_TREE, &now))
    return false;
  p = record_next(&now, NULL, CK_PROCESS);
  while(p && (p = record_next(&now, p, CK_PROCESS)) != NULL){
    for(then = NULL; file && (then = record_next(file, then, CK_PROCESS)) && then->pid != p->pid;)
      ;
    if(p->state != CK_ZOMBIE && !(then && then->state == CK_STOPPED))
      any |= sys_kill(p->pid, sig) == 0;
  }
  free(now.records);
  return any;
}

// Until its number is free, or its parent will not see to that for a while.  Who is stopped
// has no more children.
static void
end(long pid, bool tree)
{
  struct timespec pause = { 0, 10000000 };
  int status;

  if(tree)
    sys_kill(pid, SIGSTOP);
  while(tree && signal_children(pid, SIGKILL, NULL))
    sys_nanosleep(&pause, NULL);
  sys_kill(pid, SIGKILL);
  for(int tries = 0; sys_kill(pid, 0) == 0 && tries < 20; tries++)
    if(sys_wait(pid, &status, WNOHANG) != pid)
      sys_nanosleep(&pause, NULL);
}

static bool
is_tree(const struct checkpoint *file)
{
  return record_next(file, record_next(file, NULL, CK_PROCESS), CK_PROCESS) != NULL;
}

static long
run(char **argv)
{
  long pid = sys_fork();

  if(pid == 0){
    warn_error(argv[0], program_run(argv));
    sys_exit(127);
  }
  return pid;
}

// Does the command succeed when PID is that process?
static bool
suits(long pid, const char *command)
{
  struct text t = { 0 };
  int status = 1;

  text_format(&t, "PID=%ld; %s", pid, command);
  long sh = run((char *[]){ "sh", "-c", t.s, NULL });
  bool good = sh > 0 && sys_wait(sh, &status, 0) == sh && status == 0;
  text_free(&t);
  return good;
}

// => the number of the checkpoint, or 0: there is none
static long
search(const struct chain *c, const char *command)
{
  for(size_t n = 0; n < c->files.n; n++){
    const struct checkpoint *file = c->files.p[n];
    long pid = try(file->path);
    bool good = pid > 0 && suits(pid, command);
    if(pid > 0)
      end(pid, is_tree(file));
    if(good)
      return n + 1;
  }
  return 0;
}

// => false after a complaint
static bool
put_back(long pid, const struct checkpoint *file, bool stopped)
{
  struct timespec pause = { 0, 10000000 };
  struct chain c;
  static char why[CK_WHY];

  if(!open_whole(&c, file->path))
    return false;
  long image = syscall4(NR_freeze, pid, (long)why, sizeof why, CK_STAY | CK_LOOK);
  if(image < 0)
    warn("process %ld: %s", pid, why[0] ? why : error_text(image));
  while(image >= 0 && is_tree(file) && signal_children(pid, SIGKILL, NULL))
    sys_nanosleep(&pause, NULL);
  bool good = image >= 0 && chain_rewind(&c, pid, image, stopped) == pid;
  if(image >= 0)
    sys_close(image);
  chain_close(&c);
  return good;
}

static void
await_stop(long pid)
{
  struct timespec pause = { 0, 1000000 };
  struct process *p;
  char state = 0;

  while(state != 'T' && (p = process_read(pid)) != NULL){
    state = p->state;
    process_free(p);
    sys_nanosleep(&pause, NULL);
  }
}

// strace takes a moment to begin; the process waits until then. => its number
static long
trace(long pid)
{
  struct timespec pause = { 0, 10000000 };
  struct text number = { 0 }, before = { 0 }, now = { 0 };

  text_format(&number, "%ld", pid);
  setting_read("/proc/sys/kernel/trace", &before);
  long strace = run((char *[]){ "strace", "-p", number.s, NULL });
  for(int tries = 0; tries < 200; tries++){
    setting_read("/proc/sys/kernel/trace", &now);
    if(strcmp(now.s, before.s) != 0)
      break;
    sys_nanosleep(&pause, NULL);
  }
  return strace;
}

int
main(int argc, char **argv)
{
  bool until = argc == 4 && strcmp(argv[1], "--until") == 0;
  struct options o = { argc, argv, "",
    "rewind pid checkpoints\n"
    "       rewind --until command pid     the newest for which it succeeds, $PID being what\n"
    "                                      has come of it; then it runs under strace" };
  struct chain all;
  long pid, n = 0;

  while(!until && option(&o) != 0)
    ;
  if(argc - o.at != (until ? 4 : 2) || !parse_long(argv[until ? 3 : o.at], &pid) || pid <= 0 ||
     (!until && (!parse_long(argv[o.at + 1], &n) || n <= 0)))
    usage(&o);
  if(!find_all(&all, pid))
    return 1;
  if(until){
    sys_kill(pid, SIGSTOP);
    if((n = search(&all, argv[2])) == 0){
      sys_kill(pid, SIGCONT);
      die("there is no such checkpoint; process %ld goes on", pid);
    }
  }
  if(n > (long)all.files.n)
    die("process %ld: there are only %ld checkpoints", pid, (long)all.files.n);
  const struct checkpoint *file = all.files.p[n - 1];
  if(!put_back(pid, file, until))
    return 1;
  out("process %ld goes on from %s\n", pid, file->path);
  out_flush();
  if(!until)
    return 0;
  await_stop(pid);
  long strace = trace(pid);
  signal_children(pid, SIGCONT, file);
  sys_kill(pid, SIGCONT);
  return restored_wait(strace);
}
