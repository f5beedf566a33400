// SPDX-License-Identifier: MIT
//
// sh's jobs and the terminal they share.
//
// At a terminal each job is a process group of its own and has the terminal
// while it is in the foreground; the shell takes it back only to read the next line.
// So ^C and ^Z never harm the shell: they are characters while a line is typed, and
// signals to the job's group after that.

#include "user/shell.h"
#include "user/user.h"

static struct list jobs;         // struct job *: all that have processes, oldest first

// ---- The terminal ----

static void
terminal_give(long pgid)
{
  int group = pgid;
  sys_ioctl(0, TIOCSPGRP, &group);
}

void
terminal_take(void)
{
  terminal_give(sys_getpgid(0));
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
terminal_init(void)
{
  if(!editor_init(&shell.editor, ""))
    return;
  set_signals(SIG_IGN);
  sys_setpgid(0, 0);
  shell.has_terminal = true;
}

// ---- The list ----

static struct job *
at(size_t i)
{
  return jobs.p[i];
}

struct job *
job_new(const struct node *n, bool background)
{
  struct job *j = must_malloc(sizeof(*j));
  *j = (struct job){ .node = n, .background = background };
  list_add(&jobs, j);
  return j;
}

// From now on it has a number.
static void
name_job(struct job *j)
{
  int number = 1;
  if(j->number)
    return;
  for(size_t i = 0; i < jobs.n; i++)
    if(at(i) != j && at(i)->number >= number)
      number = at(i)->number + 1;
  j->number = number;
  node_text(j->node, &j->text);
}

static void
forget(struct job *j)
{
  size_t i = 0;
  while(at(i) != j)
    i++;
  memmove(&jobs.p[i], &jobs.p[i + 1], (jobs.n - i - 1) * sizeof(jobs.p[0]));
  jobs.n--;
  text_free(&j->text);
  free(j->pids);
  free(j);
}

struct job *
job_find(const char *name)
{
  struct job *found = NULL;
  long number = 0;
  if(name && !parse_long(name + (*name == '%'), &number))
    return NULL;
  for(size_t i = 0; i < jobs.n; i++)
    if(at(i)->left > 0 && (name ? at(i)->number == number : !found || at(i)->stopped))
      found = at(i);
  return found;
}

// ---- Processes ----

void
job_control_end(void)
{
  if(shell.has_terminal)
    set_signals(SIG_DFL);
  shell.has_terminal = false;
}

// With job control, a job in the background that reads from the terminal is stopped;
// without, it has nothing to read.
static void
enter_child(struct job *j)
{
  bool controlled = shell.has_terminal;

  if(controlled){
    sys_setpgid(0, j->pgid);
    if(!j->background)
      terminal_give(sys_getpgid(0));
    job_control_end();
  }
  jobs.n = 0;                    // they are not this process's
  if(j->background && !controlled){
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
  j->pids = must_resize(j->pids, (j->n + 1) * sizeof(*j->pids));
  j->pids[j->n++] = pid;
  j->left++;
  if(j->background)
    name_job(j);
  return pid;
}

// ---- News of them ----

static bool
take_news(struct job *j, long pid, int status)
{
  for(size_t i = 0; i < j->n; i++){
    if(j->pids[i] != pid)
      continue;
    j->stopped = wait_stopped(status);
    if(j->stopped)
      return true;
    j->pids[i] = 0;
    j->left--;
    if(i == j->n - 1)
      j->status = status;
    return true;
  }
  return false;
}

// => false: nobody has any
static bool
wait_for_news(int options)
{
  int status;
  long pid = sys_wait(-1, &status, options | (shell.has_terminal ? WUNTRACED : 0));

  for(size_t i = 0; pid > 0 && i < jobs.n; i++)
    if(take_news(at(i), pid, status))
      break;
  return pid > 0;
}

static void
show(struct job *j)
{
  printf("[%d] %s\t%s\n", j->number, j->left == 0 ? "Done" : j->stopped ? signal_text(j->stopped) :
         "Running", j->text.s);
  j->told = j->stopped;
}

void
jobs_tidy(bool show_all)
{
  while(wait_for_news(WNOHANG))
    ;
  for(size_t i = 0; i < jobs.n; i++)
    if(show_all || (at(i)->stopped && !at(i)->told))
      show(at(i));
  for(size_t i = jobs.n; i-- > 0;)
    if(at(i)->left == 0)
      forget(at(i));
}

// ---- Waiting ----

static void
report(const struct job *j)
{
  int sig = wait_signal(j->status);
  if(sig == SIGINT && shell.has_terminal){
    shell.interrupted = true;
    fprintf(2, "\n");
  } else if(sig && sig != SIGINT && sig != SIGPIPE){
    fprintf(2, "%s\n", signal_text(sig));
  }
}

int
job_wait(struct job *j)
{
  while(j->left > 0 && !j->stopped && wait_for_news(0))
    ;
  if(j->stopped){
    name_job(j);
    fprintf(2, "\n");
    show(j);
    return STATUS_SIGNALLED + j->stopped;
  }
  int sig = wait_signal(j->status);
  int answer = sig ? STATUS_SIGNALLED + sig : wait_code(j->status);
  report(j);
  forget(j);
  return answer;
}

int
job_continue(struct job *j, bool background)
{
  j->background = background;
  j->stopped = 0;
  if(!background)
    terminal_give(j->pgid);
  sys_kill(-j->pgid, SIGCONT);
  return background ? 0 : job_wait(j);
}

// kill's %2 is the job's group, or without job control its processes.
void
jobs_named(struct list *argv)
{
  struct list named = { 0 };
  for(size_t i = 0; i < argv->n; i++){
    char *word = argv->p[i];
    struct job *j = *word == '%' ? job_find(word) : NULL;
    if(!j){
      list_add(&named, word);
      continue;
    }
    struct text t = { 0 };
    if(i == 1)
      list_add(&named, must_copy("--"));     // else the group would be a signal
    for(size_t k = 0; k < (shell.has_terminal ? 1 : j->n); k++){
      long pid = shell.has_terminal ? -j->pgid : j->pids[k];
      text_clear(&t);
      text_format(&t, "%ld", pid);
      if(pid)
        list_add(&named, must_copy(t.s));
    }
    text_free(&t);
    free(word);
  }
  list_free(argv, false);
  *argv = named;
}

void
jobs_wait(void)
{
  for(size_t i = 0; i < jobs.n; i++)
    while(at(i)->left > 0 && !at(i)->stopped && wait_for_news(0))
      ;
  jobs_tidy(false);
}
