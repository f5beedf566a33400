// SPDX-License-Identifier: MIT
//
// sh's processes, the terminal they share, and their descriptors.
//
// At a terminal each job is a process group of its own and has the terminal
// while it is in the foreground; the shell takes it back, raw, only to read the
// next line.  So ^C never reaches the shell: it is a character while a line is
// typed, and a signal to the job's group after that.

#include "user/shell.h"
#include "user/user.h"

// ---- The terminal ----

static void
terminal_group(long pgid)
{
  int group = pgid;
  sys_ioctl(0, TIOCSPGRP, &group);
}

static void
terminal_give(long pgid)
{
  terminal_group(pgid);
  editor_cooked(&shell.editor);
}

void
terminal_take(void)
{
  editor_raw(&shell.editor);
  terminal_group(sys_getpgid(0));
}

static void
set_signals(uint64 handler)
{
  static const int signals[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU };
  struct sig_action act = { .handler = handler };

  for(size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
    sys_sigaction(signals[i], &act, NULL);
}

void
leave_shell(int status)
{
  if(shell.has_terminal)
    editor_cooked(&shell.editor);
  exit(status);
}

void
terminal_init(void)
{
  if(!editor_init(&shell.editor, ""))
    return;
  set_signals(SIG_IGN);
  sys_setpgid(0, 0);
  shell.has_terminal = true;
}

// ---- Jobs ----

static void
enter_child(struct job *j)
{
  if(shell.has_terminal){
    sys_setpgid(0, j->pgid);
    if(!j->background)
      terminal_give(sys_getpgid(0));
    set_signals(SIG_DFL);
    shell.has_terminal = false;
  }
  if(j->background){
    long fd = sys_open("/dev/null", O_RDONLY, 0);
    if(fd > 0){
      sys_dup3(fd, 0, 0);
      sys_close(fd);
    }
  }
}

long
job_fork(struct job *j)
{
  long pid = sys_fork();

  if(pid == 0)
    enter_child(j);
  else if(pid < 0)
    warn_error("fork", pid);
  if(pid <= 0)
    return pid;
  if(!j->pgid)
    j->pgid = pid;
  if(shell.has_terminal){
    sys_setpgid(pid, j->pgid);
    if(!j->background)
      terminal_give(j->pgid);
  }
  j->last = pid;
  j->n++;
  return pid;
}

static void
report(int status)
{
  int sig = wait_signal(status);
  if(sig == SIGINT && shell.has_terminal){
    shell.interrupted = true;
    fprintf(2, "\n");
  } else if(sig && sig != SIGINT && sig != SIGPIPE){
    fprintf(2, "%s\n", signal_text(sig));
  }
}

int
job_wait(struct job *j, const long *pids)
{
  int status = 0, answer = 0;

  for(size_t i = 0; i < j->n; i++){
    if(sys_wait(pids[i], &status, 0) < 0)
      continue;
    if(pids[i] != j->last)
      continue;
    report(status);
    answer = wait_signal(status) ? STATUS_SIGNALLED + wait_signal(status) : wait_code(status);
  }
  return answer;
}

void
reap_background(void)
{
  int status;
  while(sys_wait(-1, &status, WNOHANG) > 0)
    ;
}

// ---- Redirections ----

static bool
redirect_one(const struct redirect *r)
{
  static const int flags[] = {
    [REDIRECT_IN] = O_RDONLY,
    [REDIRECT_OUT] = O_WRONLY | O_CREAT | O_TRUNC,
    [REDIRECT_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
  };
  char *word = shell_expand_one(r->word);
  long from, result;

  if(r->kind == REDIRECT_DUP){
    result = parse_long(word, &from) && from >= 0 ? from : -EBADF;
    if(result >= 0 && result != r->fd)
      result = sys_dup3(from, r->fd, 0);
  } else {
    result = from = sys_open(word, flags[r->kind], 0666);
    if(from >= 0 && from != r->fd){
      result = sys_dup3(from, r->fd, 0);
      sys_close(from);
    }
  }
  if(result < 0)
    warn_error(word, result);
  free(word);
  return result >= 0;
}

bool
redirect(const struct node *n)
{
  for(size_t i = 0; i < n->redirects.n; i++)
    if(!redirect_one(n->redirects.p[i]))
      return false;
  return true;
}

void
save_fds(const struct node *n, struct saved_fds *s)
{
  *s = (struct saved_fds){ 0 };
  for(size_t i = 0; i < n->redirects.n; i++){
    int fd = ((struct redirect *)n->redirects.p[i])->fd;
    if(s->copy[fd] == 0)
      s->copy[fd] = sys_fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FDS);
  }
}

void
restore_fds(const struct saved_fds *s)
{
  for(int fd = 0; fd < SAVED_FDS; fd++){
    if(s->copy[fd] < 0)
      sys_close(fd);
    if(s->copy[fd] <= 0)
      continue;
    sys_dup3(s->copy[fd], fd, 0);
    sys_close(s->copy[fd]);
  }
}
