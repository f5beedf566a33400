// SPDX-License-Identifier: MIT
//
// A child that takes over what a checkpoint says: files and directory here, the rest by
// the kernel.

#include "user/checkpoint.h"
#include "user/user.h"

// Flags that only opening knows.
enum { O_EXCL_AND_SO_ON = O_CREAT | O_EXCL | 01000 };

static void __attribute__((noreturn))
give_up(const char *what, long error)
{
  warn_error(what, error);
  sys_exit(126);
}

// Descriptors above all that the process had.
static int
highest(const struct checkpoint *c)
{
  const struct ck_file *f = NULL;
  int max = 2;

  while((f = record_next(c, f, CK_FILE)) != NULL)
    max = (int)f->fd > max ? (int)f->fd : max;
  return max;
}

static long
move_up(int fd, int above)
{
  long to = sys_fcntl(fd, F_DUPFD_CLOEXEC, above + 1);
  return to;
}

static long
open_again(const struct ck_file *f, const int *standard)
{
  if(f->kind == CK_TERMINAL)
    return sys_dup(standard[f->fd < 3 ? f->fd : 0]);
  long fd = sys_open(f->kind == CK_NULL ? "/dev/null" : f->path,
                     (f->open & ~O_EXCL_AND_SO_ON) | O_CLOEXEC, 0);
  if(fd < 0)
    give_up(f->kind == CK_NULL ? "/dev/null" : f->path, fd);
  if(f->kind != CK_NULL)
    sys_lseek(fd, f->pos, SEEK_SET);
  return fd;
}

static void
open_files(const struct checkpoint *c, const int *standard, int high)
{
  const struct ck_file *f = NULL;

  for(int fd = 0; fd < 3; fd++)
    sys_close(fd);
  while((f = record_next(c, f, CK_FILE)) != NULL){
    int cloexec = f->cloexec ? O_CLOEXEC : 0;
    long from = f->same != f->fd ? (long)f->same : open_again(f, standard);
    long up = f->same != f->fd ? from : move_up(from, high);
    if(up < 0)
      give_up("descriptors", up);
    if(f->same == f->fd)
      sys_close(from);
    long r = sys_dup3(up, f->fd, cloexec);
    if(r < 0)
      give_up("descriptors", r);
    if(f->same == f->fd)
      sys_close(up);
  }
}

static void __attribute__((noreturn))
become(struct chain *c, bool stopped)
{
  static int fds[CK_FILES_MAX];
  static char why[CK_WHY];
  const struct checkpoint *newest = c->files.p[0];
  const struct ck_process *p = record_next(newest, NULL, CK_PROCESS);
  int high = highest(newest), standard[3];

  for(size_t i = 0; i < c->files.n; i++)
    fds[i] = move_up(((struct checkpoint *)c->files.p[i])->fd, high);
  for(size_t i = 0; i < c->files.n; i++)
    sys_close(((struct checkpoint *)c->files.p[i])->fd);
  for(int fd = 0; fd < 3; fd++)
    standard[fd] = move_up(fd, high);
  long r = sys_chdir(p->path);
  if(r < 0)
    give_up(p->path, r);
  sys_umask(p->umask);
  open_files(newest, standard, high);
  int to = standard[2];
  for(int fd = 0; fd < 2; fd++)
    sys_close(standard[fd]);
  why[0] = 0;
  sys_fcntl(to, F_SETFD, FD_CLOEXEC);
  r = syscall6(NR_restore, (long)fds, c->files.n, (long)why, sizeof why, stopped, 0);
  sys_dup3(to, 2, 0);
  warn("%s: %s", newest->path, why[0] ? why : error_text(r));
  sys_exit(126);
}

// Numbers are given out in turn, so that it gets the one it had unless that is taken.
static long
fork_as(uint pid)
{
  setting_write("/proc/sys/kernel/ns_last_pid", (long)pid - 1);
  return sys_fork();
}

long
chain_restore(struct chain *c, bool stopped)
{
  struct checkpoint *newest = c->files.p[0];
  const struct ck_process *p = record_next(newest, NULL, CK_PROCESS);
  const struct ck_task *t = record_next(newest, NULL, CK_TASK);

  if(!p || !t){
    warn("%s says nothing of a process", newest->path);
    return -EINVAL;
  }
  out_flush();
  long pid = fork_as(p->pid);
  if(pid == 0)
    become(c, stopped);
  if(pid < 0)
    warn_error("fork", pid);
  else if(pid != p->pid)
    warn("there is a process %d; this one is %ld now", p->pid, pid);
  int status;
  if(pid > 0 && stopped && (sys_wait(pid, &status, WUNTRACED) != pid || !wait_stopped(status)))
    return -ECHILD;
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
